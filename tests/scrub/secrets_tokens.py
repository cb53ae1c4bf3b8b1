"""Tokens of well-known providers, in the formats that their documentation gives."""

from __future__ import annotations

import base64
import json
import random
import re
import uuid
import zlib
from collections.abc import Callable

from labelled import ALNUM, B64URL, DIGITS, Found, Kind, bare, chars, shaped

BASE62 = DIGITS + ALNUM[10:36].upper() + ALNUM[10:36]
AWS_WORDS = ("aws_secret_access_key=", "AWS_SECRET_ACCESS_KEY: ", "aws secret key ", "aws_secret_key = ")


def github(random: random.Random) -> str:
    """Return a token with its checksum: CRC-32 in base 62, six signs."""
    body, total, check = chars(random, ALNUM, 30), 0, ""
    total = zlib.crc32(body.encode())
    for _ in range(6):
        total, rest = divmod(total, 62)
        check = BASE62[rest] + check
    return f"gh{random.choice('pousr')}_{body}{check}"


def aws_secret(random: random.Random) -> Found:
    """Return a secret access key: forty signs of base64, known by what stands before it only."""
    return Found(base64.b64encode(random.randbytes(30)).decode(), random.choice(AWS_WORDS))


def pypi(random: random.Random) -> str:
    """Return a macaroon for pypi.org."""
    return "pypi-AgEIcHlwaS5vcmc" + chars(random, B64URL, 130, 160)


def telegram(random: random.Random) -> str:
    return f"{random.randint(10**8, 10**10 - 1)}:AA{chars(random, B64URL, 33)}"


def discord(random: random.Random) -> str:
    """Return a bot's token: its id in base64, a time, an HMAC."""
    bot = base64.b64encode(str(random.randint(10**17, 10**18 - 1)).encode()).decode().rstrip("=")
    return f"{bot}.{chars(random, B64URL, 6)}.{chars(random, B64URL, 38)}"


def sentry(random: random.Random) -> str:
    """Return an organisation's token: JSON in base64, then a secret."""
    claims = {"iat": 1.7e9 + random.randrange(10**8), "url": "https://sentry.io", "region_url": "", "org": "shop"}
    body = base64.b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"sntrys_{body}_{chars(random, ALNUM, 43)}"


def identifier(prefix: str) -> Callable[[random.Random], str]:
    """Return what draws a UUID behind a prefix."""
    return lambda random: prefix + str(uuid.UUID(int=random.getrandbits(128), version=4))


def either(*templates: str) -> Callable[[random.Random], Found]:
    """Return what draws by one of several templates."""
    draws = [shaped(template) for template in templates]
    return lambda random: random.choice(draws)(random)


PROVIDERS: dict[str, Callable[[random.Random], Found]] = {
    "GitHub": bare(github),
    "GitHub, fine-grained": shaped("github_pat_{alnum:22}_{alnum:59}"),
    "AWS access key id": either("AKIA{base32:16}", "ASIA{base32:16}"),
    "AWS secret access key": aws_secret,
    "GitLab": either("glpat-{b64url:20}", "glptt-{hex:40}", "gldt-{b64url:20}", "glrt-{b64url:20}"),
    "Slack": either(
        "xoxb-{digits:12}-{digits:13}-{alnum:24}",
        "xoxp-{digits:12}-{digits:12}-{digits:13}-{hex:32}",
        "xapp-1-A{uppernum:10}-{digits:13}-{hex:64}",
    ),
    "Slack web hook": shaped("https://hooks.slack.com/services/T{uppernum:10}/B{uppernum:10}/{alnum:24}"),
    "Stripe": either("sk_live_{alnum:24}", "rk_live_{alnum:99}", "sk_test_{alnum:24}", "sk_live_51{alnum:97}"),
    "Stripe web hook": shaped("whsec_{alnum:32}"),
    "OpenAI": either(
        "sk-{alnum:20}T3BlbkFJ{alnum:20}",
        "sk-proj-{b64url:74}T3BlbkFJ{b64url:74}",
        "sk-svcacct-{b64url:74}T3BlbkFJ{b64url:74}",
    ),
    "Anthropic": either("sk-ant-api03-{b64url:93}AA", "sk-ant-admin01-{b64url:93}AA"),
    "Google API key": shaped("AIza{b64url:35}"),
    "Google OAuth client secret": shaped("GOCSPX-{b64url:28}"),
    "Google OAuth access token": shaped("ya29.a0{b64url:150-200}"),
    "npm": shaped("npm_{alnum:36}"),
    "PyPI": bare(pypi),
    "SendGrid": shaped("SG.{b64url:22}.{b64url:43}"),
    "Hugging Face": shaped("hf_{alnum:34}"),
    "DigitalOcean": either("dop_v1_{hex:64}", "doo_v1_{hex:64}", "dor_v1_{hex:64}"),
    "Shopify": either("shpat_{hex:32}", "shpss_{hex:32}", "shpca_{hex:32}", "shppa_{hex:32}"),
    "Vault": either("hvs.{alnum:24}", "hvs.CAES{b64url:90}", "hvb.AAAA{b64url:140}"),
    "Square": either("EAAA{b64url:60}", "sq0csp-{b64url:43}", "sq0atp-{b64url:22}"),
    "Twilio": shaped("SK{hex:32}"),
    "Mailgun": shaped("key-{hex:32}"),
    "Mailchimp": shaped("{hex:32}-us{digits:2}"),
    "Telegram": bare(telegram),
    "Discord": bare(discord),
    "Atlassian": shaped("ATATT3xFfGF0{b64url:171}={uppernum:8}"),
    "Databricks": shaped("dapi{hex:32}"),
    "Azure storage": shaped("AccountKey={b64:86}=="),
    "Azure AD client secret": shaped("{alnum:3}8Q~{b64url:34}"),
    "New Relic": shaped("NRAK-{uppernum:27}"),
    "Grafana": shaped("glsa_{alnum:32}_{hex:8}"),
    "Grafana Cloud": shaped("glc_eyJvIjoi{b64:80}="),
    "Sentry": bare(sentry),
    "Heroku": shaped("HRKU-AA{b64url:58}"),
    "Docker Hub": shaped("dckr_pat_{b64url:27}"),
    "Terraform Cloud": shaped("{alnum:14}.atlasv1.{alnum:67}"),
    "Linear": shaped("lin_api_{alnum:40}"),
    "Notion": either("ntn_{digits:11}{alnum:35}", "secret_{alnum:43}"),
    "Figma": shaped("figd_{b64url:40}"),
    "Postman": shaped("PMAK-{hex:24}-{hex:34}"),
    "Airtable": shaped("pat{alnum:14}.{hex:64}"),
    "Dropbox": shaped("sl.u.{b64url:140}"),
    "PlanetScale": either("pscale_tkn_{b64url:43}", "pscale_pw_{b64url:43}"),
    "Doppler": shaped("dp.pt.{alnum:43}"),
    "Pulumi": shaped("pul-{hex:40}"),
    "RubyGems": shaped("rubygems_{hex:48}"),
    "age": shaped("AGE-SECRET-KEY-1{upper:58}"),
    "Groq": shaped("gsk_{alnum:52}"),
    "Replicate": shaped("r8_{alnum:37}"),
    "Perplexity": shaped("pplx-{alnum:48}"),
    "Supabase": shaped("sbp_{hex:40}"),
    "Buildkite": shaped("bkua_{hex:40}"),
    "Netlify": shaped("nfp_{alnum:36}"),
    "Tailscale": shaped("tskey-auth-k{alnum:11}CNTRL-{alnum:32}"),
    "Contentful": shaped("CFPAT-{b64url:43}"),
    "SonarQube": either("squ_{hex:40}", "sqp_{hex:40}", "sqa_{hex:40}"),
    "Brevo": shaped("xkeysib-{hex:64}-{alnum:16}"),
    "HubSpot": bare(identifier("pat-na1-")),
    "Dynatrace": shaped("dt0c01.{base32:24}.{base32:64}"),
    "Prefect": shaped("pnu_{alnum:36}"),
    "Fly.io": shaped("fm2_lJPECAAA{b64:120}="),
    "OpenShift": shaped("sha256~{b64url:43}"),
    "JFrog": shaped("AKCp{alnum:69}"),
    "Alibaba Cloud": shaped("LTAI{alnum:20}"),
    "Asana": shaped("1/{digits:16}:{hex:32}"),
    "CircleCI": shaped("CCIPAT_{alnum:22}_{hex:40}"),
    "Cloudflare": shaped("v1.0-{hex:24}-{hex:146}"),
    "crates.io": shaped("cio{alnum:32}"),
    "Duffel": either("duffel_live_{b64url:43}", "duffel_test_{b64url:43}"),
    "EasyPost": either("EZAK{alnum:54}", "EZTK{alnum:54}"),
    "Flutterwave": either("FLWSECK-{hex:32}-X", "FLWSECK_TEST-{hex:32}-X"),
    "Harness": shaped("pat.{b64url:22}.{hex:24}.{alnum:20}"),
    "LangSmith": either("lsv2_pt_{hex:32}_{hex:10}", "lsv2_sk_{hex:32}_{hex:10}"),
    "Mapbox": shaped("sk.eyJ1Ijoi{alnum:56}.{b64url:22}"),
    "NuGet": shaped("oy2{lowernum:43}"),
    "Octopus Deploy": shaped("API-{uppernum:26}"),
    "1Password": shaped("ops_eyJ{alnum:300}"),
    "Plaid": bare(identifier("access-production-")),
    "PostHog": shaped("phx_{alnum:43}"),
    "Razorpay": shaped("rzp_live_{alnum:14}"),
    "Shippo": either("shippo_live_{hex:40}", "shippo_test_{hex:40}"),
    "Tencent Cloud": shaped("AKID{alnum:32}"),
    "Typeform": shaped("tfp_{alnum:44}_{alnum:14}"),
    "xAI": shaped("xai-{alnum:80}"),
    "LaunchDarkly": bare(identifier("sdk-")),
    "Facebook": either("EAA{alnum:160-200}", "{digits:15}|{b64url:27}"),
    "Twitter": shaped("AAAAAAAAAAAAAAAAAAAAAA{alnum:80}"),
    "Salesforce": shaped("00D{alnum:12}!{word:90}"),
    "Twitch": shaped("live_{digits:9}_{alnum:30}"),
    "Yandex": either("AQVN{b64url:35}", "t1.9eu{b64url:40}.{b64url:86}", "y0_{b64url:58}"),
    "OpenRouter": shaped("sk-or-v1-{hex:64}"),
    "ElevenLabs": shaped("sk_{hex:48}"),
    "Alchemy": shaped("alcht_{alnum:30}"),
    "Adafruit IO": shaped("aio_{alnum:28}"),
    "Apify": shaped("apify_api_{alnum:36}"),
    "AWS Bedrock": shaped("ABSK{b64:120}=="),
    "Axiom": bare(identifier("xaat-")),
    "Braintree": shaped("access_token$production${lowernum:16}${hex:32}"),
    "Cerebras": shaped("csk-{lowernum:48}"),
    "ClickUp": shaped("pk_{digits:8}_{uppernum:32}"),
    "Clojars": shaped("CLOJARS_{hex:60}"),
    "Defined Networking": shaped("dnkey-{uppernum:26}-{uppernum:52}"),
    "Dependency-Track": shaped("odt_{alnum:32}"),
    "Frame.io": shaped("fio-u-{b64url:64}"),
    "Honeycomb": shaped("hcaik_{lowernum:58}"),
    "Infracost": shaped("ico-{alnum:32}"),
    "LlamaIndex": shaped("llx-{alnum:48}"),
    "MongoDB Atlas": shaped("mdb_sa_sk_{b64url:40}"),
    "Neon": shaped("napi_{lowernum:64}"),
    "NVIDIA": shaped("nvapi-{b64url:64}"),
    "Pinecone": shaped("pcsk_{alnum:6}_{alnum:63}"),
    "PubNub": bare(identifier("sec-c-")),
    "ReadMe": shaped("rdme_xn8s9h{lowernum:64}"),
    "Render": shaped("rnd_{alnum:28}"),
    "Resend": shaped("re_{alnum:8}_{alnum:24}"),
    "Rootly": shaped("rootly_{hex:64}"),
    "Scaleway": shaped("SCW{uppernum:17}"),
    "Settlemint": shaped("sm_pat_{alnum:16}"),
    "Sourcegraph": shaped("sgp_{hex:16}_{hex:40}"),
    "Tavily": shaped("tvly-{alnum:32}"),
    "Together": shaped("tgp_v1_{b64url:43}"),
    "Trello": shaped("ATTA{hex:64}"),
    "Vercel": either("vcp_{alnum:24}", "vercel_blob_rw_{alnum:16}_{alnum:30}"),
    "Zoho": shaped("1000.{hex:32}.{hex:32}"),
    "1Password, secret key": shaped("A3-{uppernum:6}-{uppernum:6}-{uppernum:5}-{uppernum:5}-{uppernum:5}-{uppernum:5}"),
    "New Relic, licence": shaped("eu01xx{hex:30}NRAL"),
}
API_TOKENS = (
    *("OpenRouter", "ElevenLabs", "Alchemy", "Adafruit IO", "Apify", "AWS Bedrock", "Axiom", "Braintree", "Cerebras"),
    *(
        "ClickUp",
        "Clojars",
        "Defined Networking",
        "Dependency-Track",
        "Frame.io",
        "Honeycomb",
        "Infracost",
        "LlamaIndex",
    ),
    *("MongoDB Atlas", "Neon", "NVIDIA", "Pinecone", "PubNub", "ReadMe", "Render", "Resend", "Rootly", "Scaleway"),
    *("Settlemint", "Sourcegraph", "Tavily", "Together", "Trello", "Vercel", "Zoho"),
)
"""Those whose forms one detector knows."""
EXAMPLES = 20
"""Of each provider."""
OTHERS = ("url_query_secret", "assigned_secret", "generic_secret")
"""They may have been faster where the text around says the same."""
OWN = {
    "GitHub, fine-grained": "github_token",
    "AWS access key id": "aws_access_key",
    "Slack web hook": "webhook_url",
    "AWS secret access key": "aws_secret_key",
    "Stripe web hook": "stripe_key",
    "Google API key": "google_api_key",
    "Google OAuth client secret": "google_oauth_token",
    "Google OAuth access token": "google_oauth_token",
    "Azure storage": "azure_key",
    "Azure AD client secret": "azure_key",
    "Grafana Cloud": "grafana_token",
    "JFrog": "artifactory_token",
    "SonarQube": "sonar_token",
    "1Password": "onepassword_token",
    "Terraform Cloud": "terraform_token",
    "Docker Hub": "docker_token",
    "Octopus Deploy": "octopus_key",
    "Alibaba Cloud": "alibaba_key",
    "Tencent Cloud": "tencent_key",
    "1Password, secret key": "onepassword_token",
    "New Relic, licence": "newrelic_key",
    **dict.fromkeys(API_TOKENS, "api_token"),
}
"""Detectors whose names are not the provider's with `_token` or `_key` behind it."""
KEYS = frozenset({
    *("age", "anthropic", "brevo", "easypost", "flutterwave", "groq", "heroku", "hubspot", "langsmith", "launchdarkly"),
    *("linear", "mailchimp", "mailgun", "newrelic", "nuget", "openai", "perplexity", "posthog", "postman", "prefect"),
    *("razorpay", "sendgrid", "stripe", "tailscale", "twilio", "xai", "twitch", "yandex"),
})  # fmt: skip
"""Providers that call it a key."""
WORDED = ("AWS secret access key", "Slack web hook", "Azure storage")
"""Those that are no word by themselves."""


def detector(provider: str) -> str:
    """Return the name of the detector that a provider's tokens have."""
    name = re.sub("[ .]", "_", provider.lower()) if provider == "crates.io" else re.sub("[ .]", "", provider.lower())
    return OWN.get(provider, f"{name}_{'key' if name in KEYS else 'token'}")


KINDS = tuple(
    Kind(name, (detector(name), *OTHERS), draw, "lines" if name in WORDED else "any", EXAMPLES)
    for name, draw in PROVIDERS.items()
)
