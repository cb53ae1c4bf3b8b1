"""The pack `credentials`, by provider: tokens that say whose they are.

Each pattern follows what the provider publishes about the form of its tokens (their prefixes are made to be found).
Where a token has a fixed length more characters are taken as well: too much is better than half a token.
"""

from __future__ import annotations

from .actions import redact
from .detector import ESCAPE, WORD, Detector, Near, Rule
from .names import about

PACK = "credentials"
_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


_SLASH = "/[a-z]*[A-Z0-9+/=]"
"""A slash of base64: behind one that is followed by small letters only, a path goes on, not the token."""


def _token(name: str, pattern: str, *more: Rule) -> Detector:
    return Detector(name, PACK, redact(f"[{name.upper()}]"), (Rule(rf"{WORD}({pattern})"), *more))


def _clear(name: str, pattern: str) -> Detector:
    """Return a detector of tokens that nothing else looks like, wherever they begin."""
    return Detector(name, PACK, redact(f"[{name.upper()}]"), (Rule(pattern, group=0),))


_FORGES = (
    _clear(
        "gitlab_token",
        r"gl(?:pat|oas|dt|rtr?|cbt|ptt|ft|imt|agent|wt|soat|ffct)-[\w-]{20,}|GR1348941[\w-]{20,}",
    ),
    # A prefix that names the product, then letters and digits with a checksum at the end.
    _clear("atlassian_token", r"AT[AC]TT3xFf[\w=-]{20,}|ATBB[A-Za-z0-9]{24,}"),
    _clear("npm_token", r"npm_[A-Za-z0-9]{36,}"),
    _clear("pypi_token", r"pypi-AgE[\w-]{40,}"),  # a macaroon, whose first bytes are always the same
    _clear("rubygems_token", r"rubygems_[0-9a-f]{48}"),
    _token("crates_io_token", r"cio[A-Za-z0-9]{32}"),
    _token("nuget_key", r"oy2[a-z0-9]{43}"),
    _clear("docker_token", r"dckr_(?:pat|oat)_[\w-]{20,}"),
    _token("artifactory_token", r"AKCp[A-Za-z0-9]{60,}|cmVmdGtu[A-Za-z0-9]{56}"),  # the latter: base64 of `reftkn`
    _clear("circleci_token", r"CCIP(?:AT|RJ)_[A-Za-z0-9]{22}_[0-9a-f]{40}"),
    _clear("buildkite_token", r"bk(?:ua|at|pt)_[0-9a-z]{32,}"),
    _clear("sonar_token", r"sq[apu]_[0-9a-f]{40}"),
)

_CLOUDS = (
    _clear("google_api_key", r"AIza[\w-]{30,}"),
    _token("google_oauth_token", r"ya29\.[\w-]{20,}|GOCSPX-[\w-]{24,}|1//0[\w-]{30,}"),
    Detector(
        "azure_key",
        PACK,
        redact("[AZURE_KEY]"),
        (
            # 64 bytes in base64, of which four characters name the service and the last ones are a checksum.
            Rule(r"(?:^|[^A-Za-z0-9+/])([A-Za-z0-9+/]{76}(?:APIM|ACDb|\+ABa|\+AMC|\+ASt)[A-Za-z0-9+/]{5}[AQgw]==)"),
            Rule(
                rf"{WORD}([A-Za-z0-9]{{52}}JQQJ99[A-Za-z0-9]{{20,}}|[A-Za-z0-9]{{76}}AZDO[A-Za-z0-9]{{4}})",
                variant="ai",
            ),
            Rule(r"(?:^|[^\w.~-])([\w.~-]{3}[0-9]Q~[\w.~-]{31,34})", variant="client"),  # of an application in Entra ID
        ),
    ),
    _token("alibaba_key", r"LTAI[A-Za-z0-9]{12,26}"),
    _token("tencent_key", r"AKID[A-Za-z0-9]{32}"),
    _clear("digitalocean_token", r"do[opr]_v1_[0-9a-f]{64}"),
    _clear("heroku_key", r"HRKU-[\w-]{36,}"),
    _token("netlify_token", r"nfp_[A-Za-z0-9]{36,}"),
    _token("flyio_token", rf"fo1_[\w-]{{43}}|fm[12][ar]?_(?:[A-Za-z0-9+=_-]|{_SLASH}|%2[BFbf]|%3[Dd]){{60,}}"),
    Detector(
        "cloudflare_token",
        PACK,
        redact("[CLOUDFLARE_TOKEN]"),
        (
            Rule(rf"{WORD}(v1\.0-[0-9a-f]{{24}}-[0-9a-f]{{146}})"),
            Rule(
                r"(?:^|[^\w-])(?:[\w-]{41}|([\w-]{40}))",
                check={"entropy": 400, "kinds": 3, "changes": 3},
                near=Near(about("cloudflare", "cf api"), 60),
                variant="named",
            ),
        ),
    ),
    _clear("databricks_token", r"d(?:api|ose)[0-9a-f]{32}(?:-[0-9])?"),
    _clear("planetscale_token", r"pscale_(?:tkn|pw|oauth|api)_[\w.-]{32,}"),
    _clear("supabase_token", r"sbp_(?:v0_|oauth_)?[0-9a-f]{40}|sb_secret_[\w-]{20,}"),
    Detector(
        "terraform_token",
        PACK,
        redact("[TERRAFORM_TOKEN]"),
        (Rule(rf"(?:{ESCAPE}|^|[^A-Za-z0-9])([A-Za-z0-9]{{14}}\.atlasv1\.[\w=-]{{60,}})"),),
    ),
    _token("pulumi_token", r"pul-[0-9a-f]{40}"),
    _clear("vault_token", r"hv[bsr]\.[\w-]{24,}"),
    _token("doppler_token", r"dp\.(?:pt|ct|sa|scim|audit|st(?:\.[a-z0-9_-]{2,35})?)\.[A-Za-z0-9]{40,}"),
    _clear("onepassword_token", r"ops_eyJ[\w=-]{60,}"),
    _clear("age_key", r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    _clear("openshift_token", r"sha256~[\w-]{43}"),
    _clear("tailscale_key", r"tskey-[a-z]+-[A-Za-z0-9]{8,}-[A-Za-z0-9]{16,}"),
    _token("harness_token", r"[ps]at\.[\w-]{22}\.[0-9a-f]{24}\.[A-Za-z0-9]{20}"),
)

_MODELS = (
    _token("openai_key", r"sk-(?:proj|svcacct|admin|None)-[\w-]{16,}|sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}"),
    _token("anthropic_key", r"sk-ant-[\w-]{16,}"),
    _token("huggingface_token", r"hf_[A-Za-z0-9]{30,}|api_org_[A-Za-z0-9]{30,}"),
    _clear("groq_key", r"gsk_[A-Za-z0-9]{40,}"),
    _token("replicate_token", r"r8_[A-Za-z0-9]{37,}"),
    _clear("perplexity_key", r"pplx-[A-Za-z0-9]{40,}"),
    _token("xai_key", r"xai-[A-Za-z0-9]{70,}"),
    _clear("langsmith_key", r"lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}"),
)

# The first part of a Discord token is base64 of a number of 17 to 19 digits: four characters for three of them.
_SNOWFLAKE = "(?:[MNO][DTjz][AEIMQUYcgk][w-z0-5]){5,6}(?:[MNO][DTjz][AEIMQUYcgk]|[MNO][AQgw])?"

_MESSAGES = (
    _clear("slack_token", r"xox[abeoprs]-[A-Za-z0-9-]{10,}|xoxe\.xox[bp]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,}"),
    _token("telegram_token", r"[0-9]{8,10}(?::|%3[Aa])AA[\w-]{33}"),
    _token("discord_token", rf"{_SNOWFLAKE}\.[\w-]{{6}}\.[\w-]{{27,}}"),
    _token("sendgrid_key", r"SG\.[\w-]{16,}\.[\w-]{16,}"),
    _token(
        "mailgun_key",
        r"[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}",
        # Not `cache-key-` and a hash.
        Rule(rf"(?:{ESCAPE}|^|[^\w-])(?:key-[0-9a-f]{{32}}[0-9a-z]|(key-[0-9a-f]{{32}}))", variant="old"),
    ),
    _token("mailchimp_key", r"[0-9a-f]{32}-us[0-9]{1,2}"),
    _clear("brevo_key", r"x(?:keysib|smtpsib)-[0-9a-f]{64}-[A-Za-z0-9]{16}"),
    _token("twilio_key", r"SK[0-9a-f]{32}"),
    _clear("hubspot_key", rf"pat-(?:na|eu|ap)[0-9]-{_UUID}"),
    Detector(
        "webhook_url",
        PACK,
        redact("[WEBHOOK]"),
        (
            Rule(
                r"(?:hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)|discord(?:app)?\.com/api/webhooks"
                r"|webhook\.office\.com/webhookb2|hooks\.zapier\.com/hooks/catch)/([A-Za-z0-9/_@-]{18,})"
            ),
        ),
    ),
)

_MONEY = (
    _token("stripe_key", rf"[rs]k_(?:live|test|prod)_[A-Za-z0-9]{{10,}}|whsec_(?:[A-Za-z0-9+]|{_SLASH}){{24,}}"),
    Detector(
        "square_token",
        PACK,
        redact("[SQUARE_TOKEN]"),
        (
            Rule(r"sq0[a-z]{3}-[\w-]{22,}", group=0),
            Rule(rf"(?:{ESCAPE}|^|[^\w/+-])(?:EAAA[\w-]{{60}}[\w/+=-]|(EAAA[\w-]{{60}}))", variant="access"),
        ),
    ),
    _clear("shopify_token", r"shp(?:at|ca|pa|ss|ua|tka)_[0-9A-Fa-f]{32}"),
    _clear("plaid_token", rf"access-(?:sandbox|development|production)-{_UUID}"),
    _clear("razorpay_key", r"rzp_(?:live|test)_[A-Za-z0-9]{14,}"),
    _clear("flutterwave_key", r"FLWSECK(?:_TEST|_LIVE)?-[A-Za-z0-9-]{12,}"),
    _token("easypost_key", r"EZ[AT]K[A-Za-z0-9]{54}"),
    _clear("shippo_token", r"shippo_(?:live|test)_[0-9a-f]{40}"),
    _clear("duffel_token", r"duffel_(?:live|test)_[\w=-]{43}"),
)

_TOOLS = (
    _token(
        "grafana_token",
        rf"gl(?:sa_[A-Za-z0-9]{{32}}_[0-9a-f]{{8}}|c_(?:[A-Za-z0-9+=]|{_SLASH}|%2[BFbf]|%3[Dd]){{32,}})"
        r"|eyJrIjoi[A-Za-z0-9+/]{40,}={0,2}",
    ),
    _token("newrelic_key", r"NRAK-[A-Z0-9]{27}|NR(?:JS|II|IQ|RA|BR|SP|MA)-[\w-]{19,}|[0-9a-z]{36}NRAL"),
    _clear("dynatrace_token", r"dt0[a-z][0-9]{2}\.[A-Z0-9]{24}\.[A-Z0-9]{64}"),
    _clear("sentry_token", rf"sntrys_eyJ(?:[A-Za-z0-9+=_-]|{_SLASH}){{40,}}|sntry[au]_[0-9a-f]{{64}}"),
    _token("posthog_key", r"phx_[A-Za-z0-9]{40,}"),
    _clear("postman_key", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}|PMAT-[A-Z0-9]{26}"),
    _clear("prefect_key", r"pn[bu]_[A-Za-z0-9]{36}"),
    _token("octopus_key", r"API-[A-Z0-9]{26,}"),
    _token("airtable_token", r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}"),
    _token("asana_token", r"[12](?:(?:/|%2[Ff])[0-9]{13,20}){1,2}(?::|%3[Aa])[0-9a-f]{32}"),
    _clear("contentful_token", r"CFPAT-[\w-]{40,}"),
    _token("dropbox_token", r"sl\.(?:u\.)?[\w-]{60,}"),
    _clear("figma_token", r"fig(?:d|or?|ur?)_[\w-]{40,}"),
    _token("launchdarkly_key", rf"(?:sdk|mob)-{_UUID}"),
    _clear("linear_key", r"lin_(?:api|oauth|wh)_[A-Za-z0-9]{32,}"),
    _token("mapbox_token", r"sk\.eyJ[\w-]{40,}\.[\w-]{20,}"),
    _clear("notion_token", r"ntn_[A-Za-z0-9]{40,}|secret_[A-Za-z0-9]{43}"),
    _clear("typeform_token", r"tfp_[\w.=-]{40,}"),
)

API_TOKEN = _token("api_token", r"sk-(?:or|lf)-[\w-]{16,}|sk-[A-Za-z0-9]{16,}")
"""The form that OpenAI's first keys had, and that many who speak its protocol took over."""

PROVIDERS = (*_FORGES, *_CLOUDS, *_MODELS, *_MESSAGES, *_MONEY, *_TOOLS, API_TOKEN)
