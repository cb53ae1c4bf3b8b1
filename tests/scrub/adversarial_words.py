"""Words that rules wait for: what tokens begin with, near what numbers count, and whole tokens of many providers."""

from __future__ import annotations

_PREFIXES = """
ghp_ github_pat_ glpat- GR1348941 ATATT3xFf ATBB npm_ pypi-AgE rubygems_ cio oy2 dckr_pat_ AKCp cmVmdGtu CCIPAT_
bkua_ sqp_ AIza ya29. GOCSPX- 1//0 LTAI AKID dop_v1_ HRKU- nfp_ fo1_ fm2_ v1.0- dapi pscale_tkn_ sbp_ sb_secret_
.atlasv1. pul- hvs. dp.pt. ops_eyJ AGE-SECRET-KEY-1 sha256~ tskey-a- pat. sk-proj- sk-ant- hf_ gsk_ r8_ pplx- xai-
lsv2_pt_ xoxb- 1234567890:AA MTIz SG. key- -us1 xkeysib- SK0 pat-na1- hooks.slack.com/services/ sk_live_ whsec_
sq0abc- EAAA shpat_ access-sandbox- rzp_live_ FLWSECK- EZAK shippo_live_ duffel_live_ glsa_ glc_ eyJrIjoi NRAK-
dt0c01. sntrys_eyJ phx_ PMAK- pnu_ API- 1/1234 CFPAT- sl. figd_ sdk- lin_api_ sk.eyJ ntn_ secret_ tfp_ AKIA eyJ
bearer basic password= token: cookie: authorization: ://u: @ -----BEGIN
"""
PREFIXES = _PREFIXES.split()
"""What tokens and other secrets begin with."""
_NEAR = """
aba, routing number, aws, cloudflare, svnr, tfn, rijksregister, egn, cnpj, cpf, sin, ahv, rut, rodne cislo, idnr,
dni, personnummer, cpr, nhs, nino, oib, pps, teudat zehut, aadhaar, bsn, pesel, nif, cnp, pin, tckn, id number
"""
NEAR = " ".join(_NEAR.split()).split(", ")
"""Words near which numbers and tokens count."""
_BODIES = {
    "aB3x": """ghp_36 glpat-20 npm_36 AIza35 hf_34 xoxb-15 sk_live_24 r8_37 hvs.24 gsk_52 ntn_45 phx_42 nfp_36 sq0abc-22
    tfp_44 lin_api_40 pscale_tkn_36 sk-ant-24 rzp_live_20 dckr_pat_24 xai-72""",
    "0af1": "dop_v1_64 pul-40 shpat_32",
}
TOKENS = (
    *(
        prefix + (body * 20)[: int(size)]
        for body, tokens in _BODIES.items()
        for prefix, size in ((token[:-2], token[-2:]) for token in tokens.split())
    ),
    "SG." + "aB3" * 7 + "." + "aB3" * 8,
    *("4111111111111111", "DE89370400440532013000", "a@example.com", "8.8.8.8", "2001:db8::1:2", "+14155550123"),
    *("536-90-4399", "aa:bb:cc:dd:ee:f1"),
)
"""What has the form of a token, number or address that is found."""
