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
    _token(
        "artifactory_token", r"AKCp[A-Za-z0-9]{60,}|cmVmdGtu(?:[A-Za-z0-9]{56}|Oj[A-Za-z0-9]{40,})"
    ),  # the latter: base64 of `reftkn`
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
            Rule(rf"{WORD}(v1\.0-[0-9a-f]{{24}}-[0-9a-f]{{146}}|cf(?:k|ut|at)_[A-Za-z0-9]{{40,}})"),
            Rule(
                r"(?:^|[^\w-])(?:[\w-]{41}|([\w-]{40}))",
                check={"entropy": 400, "kinds": 3, "changes": 3},
                near=Near(about("cloudflare", "cf api"), 60),
                variant="named",
            ),
        ),
    ),
    _clear("databricks_token", r"d(?:api|ose)[0-9a-f]{32}(?:-[0-9])?"),
    _clear("planetscale_token", r"pscale_(?:tkn|pw|oauth|api)_[\w=.-]{32,}"),
    _clear("supabase_token", r"sbp_(?:v0_|oauth_)?[0-9a-z]{38,}|sb_secret_[\w-]{20,}"),
    Detector(
        "terraform_token",
        PACK,
        redact("[TERRAFORM_TOKEN]"),
        (Rule(rf"(?:{ESCAPE}|^|[^A-Za-z0-9])([A-Za-z0-9]{{14}}\.atlasv1\.[\w=-]{{60,}})"),),
    ),
    _token("pulumi_token", r"pul-[0-9a-f]{40}"),
    _clear("vault_token", r"hv[bsr]\.[\w-]{24,}|\b[bsr]\.(?:CAESI|AAAAAQ)[\w-]{60,}"),
    _token("doppler_token", r"dp\.(?:pt|ct|sa|scim|audit|st(?:\.[a-z0-9_-]{2,35})?)\.[A-Za-z0-9]{40,}"),
    _clear(
        "onepassword_token",
        r"ops_eyJ[\w=-]{60,}|\bA3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}\b",
    ),
    _clear("age_key", r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    _clear("openshift_token", r"sha256~[\w-]{43}"),
    _clear("tailscale_key", r"tskey-[a-z]+-[A-Za-z0-9]{8,}-[A-Za-z0-9]{16,}"),
    _token("harness_token", r"[ps]at\.[\w-]{22}\.[0-9A-Za-z]{24}\.[A-Za-z0-9]{20}"),
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
    _token(
        "telegram_token",
        r"[0-9]{8,10}(?::|%3[Aa])AA[\w-]{32,}",
        Rule(
            r"(?:^|[^0-9A-Za-z])([0-9]{5,16}(?::|%3[Aa])[\w-]{34,36})",
            check={"entropy": 380, "kinds": 3, "changes": 3},
            near=Near(about("telegram", "telegram bot", "bot token", "tg bot"), 40),
            variant="named",
        ),
    ),
    _token("discord_token", rf"{_SNOWFLAKE}\.[\w-]{{6}}\.[\w-]{{27,}}"),
    _token("sendgrid_key", r"SG\.[\w-]{16,}\.[\w-]{16,}|SG\.[\w=.-]{60,}"),
    _token(
        "mailgun_key",
        r"[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}",
        # Not `cache-key-` and a hash.
        Rule(rf"(?:{ESCAPE}|^|[^\w-])(?:key-[0-9a-f]{{32}}[0-9a-z]|(key-[0-9a-f]{{32}}))", variant="old"),
    ),
    _token("mailchimp_key", r"[0-9a-f]{32}-us[0-9]{1,2}"),
    _clear("brevo_key", r"x(?:keysib|smtpsib)-[0-9a-f]{64}-[A-Za-z0-9]{16}"),
    _token("twilio_key", r"SK[0-9a-f]{32}"),
    _clear("hubspot_key", rf"(?i:pat-(?:na|eu|ap)[0-9]-{_UUID})"),
    Detector(
        "webhook_url",
        PACK,
        redact("[WEBHOOK]"),
        (
            Rule(
                r"(?:hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)|discord(?:app)?\.com/api/webhooks"
                r"|(?:webhook\.office|outlook\.office(?:365)?)\.com/webhook(?:b2)?"
                r"|hooks\.zapier\.com/hooks/catch)/([A-Za-z0-9/_@-]{16,})"
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
    _token(
        "newrelic_key",
        rf"NRAK-[A-Z0-9]{{27}}|NR(?:JS|II|IQ|RA|AA|BR|SP|MA)-[\w-]{{19,}}|[0-9a-z]{{29,36}}(?:FFFF)?NRAL|[0-9A-Za-z]{{40,46}}-NRMA|px-(?:dep|api)-{_UUID}",
    ),
    _clear("dynatrace_token", r"dt0[a-z][0-9]{2}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{64}"),
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
    _token("launchdarkly_key", rf"(?:sdk|mob|api)-{_UUID}"),
    _clear("linear_key", r"lin_(?:api|oauth|wh)_[A-Za-z0-9]{32,}"),
    _token("mapbox_token", r"[st]k\.eyJ[\w-]{40,}\.[\w-]{20,}"),
    _clear("notion_token", r"ntn_[A-Za-z0-9]{40,}|secret_[A-Za-z0-9]{43}"),
    _clear("typeform_token", r"tfp_[\w.=-]{40,}"),
)

_SOCIAL = (
    _token(
        "facebook_token",
        r"EAA[A-Za-z0-9]{90,}|[0-9]{15,16}(?:\||%7[Cc])[\w-]{27}",
    ),
    _token("twitter_token", r"A{20,}(?:[A-Za-z0-9]|%2[BFbf]|%3[Dd]){70,}"),
    Detector(
        "salesforce_token",
        PACK,
        redact("[SALESFORCE_TOKEN]"),
        (Rule(rf"{WORD}(00D[A-Za-z0-9]{{12,15}}(?:!|%21)[\w.]{{80,}})"),),  # an organisation's id, then a session
    ),
    _clear("twitch_key", r"live_[0-9]{8,11}_[A-Za-z0-9]{30}"),
    _clear("yandex_key", r"AQVN[\w-]{35,38}|\bt1\.[\w-]+=*\.[\w-]{86}=*|\bYC[\w-]{38}\b|y[0-3]_[\w-]{55,}"),
)

PASSWORD_HASH = Detector(
    "password_hash",
    PACK,
    redact("[PASSWORD_HASH]"),
    (
        Rule(
            r"\$2[abxy]\$[0-9]{2}\$[./A-Za-z0-9]{53}|\$argon2(?:id|i|d)\$[\w=,.$+/-]{40,}"
            r"|\$(?:1|5|6|7|y|apr1|sha1|8|9|14)\$(?:rounds=[0-9]+\$|[0-9]+\*)?[./A-Za-z0-9*]{1,24}\$[./A-Za-z0-9]{22,86}"
            r"|pbkdf2_sha(?:1|256|512)\$[0-9]+\$[\w./+-]+\$[A-Za-z0-9+/]{27,}={0,2}"
            r"|\{SSHA(?:256|512)?\}[A-Za-z0-9+/]{28,}={0,2}|\$krb5(?:tgs|asrep|pa)\$[0-9]{2}\$[^\s\"']{40,}",
            group=0,
        ),
    ),
)
"""Of `crypt` (bcrypt, MD5, SHA-2, yescrypt), Argon2, Django's PBKDF2, LDAP, Cisco, Kerberos."""

_FORMS = (
    # Infrastructure.
    "alcht_[A-Za-z0-9_]{28,}",
    "aio_[A-Za-z0-9]{28}",
    "apify_api_[A-Za-z0-9]{34,}",
    r"AQ\.Ab8[\w-]{45,}",
    rf"(?:ABSK|bedrock-api-key-)(?:[A-Za-z0-9+=]|{_SLASH}|%2[BFbf]|%3[Dd]){{60,}}",
    "dnkey-[A-Za-z0-9]{20,}-[A-Za-z0-9_-]{40,}",
    r"dd[pw]_[A-Za-z0-9]{36}",
    "hc[a-z]ik_[0-9a-z]{58}",
    "ico-[A-Za-z0-9]{32}",
    "jca_[A-Za-z0-9]{36,}",
    "napi_[0-9a-z]{60,}",
    "odt_[A-Za-z0-9]{32,}",
    "p8e-[0-9a-z]{32}",
    "rnd_[A-Za-z0-9]{28,}",
    "rootly_[0-9a-f]{64}",
    "sgp_[A-Za-z0-9_]{40,}|slk_[0-9a-f]{64}",
    "sm_(?:aat|pat|sat)_[A-Za-z0-9]{16,}",
    "spu-[0-9a-f]{32}",
    r"tk-us-[\w-]{48}",
    "vc[apirk]_[A-Za-z0-9]{24,}|vercel_blob_rw_[A-Za-z0-9_]{24,}",
    f"xa(?:at|pt)-{_UUID}",
    # Models.
    "csk-[A-Za-z0-9]{48}",
    "fw_[A-Za-z0-9]{22,24}",
    "llx-[A-Za-z0-9]{48}",
    r"nvapi-[\w-]{60,}",
    "pcsk_[A-Za-z0-9]{5,7}_[A-Za-z0-9]{50,}",
    "tgp_v1_[A-Za-z0-9_-]{40,}",
    "tvly-[A-Za-z0-9-]{30,}",
    r"VF\.DM\.[0-9a-f]{24}\.[A-Za-z0-9]{16}",
    # Money, messages, tools.
    r"access_token(?:\$|%24)(?:production|sandbox)(?:\$|%24)[0-9a-z]{16}(?:\$|%24)[0-9a-f]{32}",
    r"1000\.[0-9a-f]{32}\.[0-9a-f]{32}",
    "ATTA[0-9a-f]{64}",
    "bb_(?:ma|pr)_[0-9a-f]{28,}",
    "BBFF-[A-Za-z0-9]{30}",
    "CLOJARS_[0-9a-z]{60}",
    "dG9rO[A-Za-z0-9+/]{50,}={0,2}",
    r"fio-u-[\w=-]{60,}",
    "flb_(?:live|test)_[A-Za-z0-9]{20,}",
    r"mdb_sa_sk_[\w-]{40}",
    r"oaa[A-Za-z0-9]{14,}\.v1\.[\w-]{40,}\.[0-9a-f]{64}",
    r"pdl_(?:live|sdbx)_apikey_[\w-]{40,}",
    "pk_[0-9]{7,9}_[A-Z0-9]{32}",
    "rdme_[0-9a-z]{70}",
    "re_[A-Za-z0-9]{8}_[A-Za-z0-9]{22,24}",
    f"(?:pub|sub|sec)-c-{_UUID}",
    "s-s4t2(?:ud|af)-[0-9a-f]{64}",
    "scp-live-[0-9a-f]{32}",
    r"sk_pr_\w+_[0-9a-f]{40}",
    "SCW[A-Z0-9]{17}",
    r"tkn\.v1_[\w-]{60,}={0,2}",
    "xprv[1-9A-HJ-NP-Za-km-z]{107,108}",
)
API_TOKEN = _token(
    "api_token",
    r"sk-(?:or|lf)-[\w-]{16,}|sk-[A-Za-z0-9]{16,}|sk_[0-9a-f]{32,}",
    Rule(rf"{WORD}({'|'.join(_FORMS)})", variant="form"),
)
"""The form that OpenAI's first keys had, and that many who speak its protocol took over; forms of one service each."""

PROVIDERS = (*_FORGES, *_CLOUDS, *_MODELS, *_MESSAGES, *_MONEY, *_TOOLS, *_SOCIAL, API_TOKEN, PASSWORD_HASH)
