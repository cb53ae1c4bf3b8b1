"""The proxies that Tailgate is measured against, built or installed outside of the repository."""
