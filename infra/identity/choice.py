"""Who is believed about who asks? The provider that the settings name; nobody where one is missing
what it needs.
"""

from collections.abc import Mapping

from replan.errors import NotSo
from replan.infra.identity.grafana_broker import GrafanaBroker
from replan.infra.identity.provider import Provider
from replan.infra.identity.trusted_proxy import TrustedProxy
from replan.infra.workspace.review_settings import BROKER_KEY, OIDC_SECRET, Review
from replan.infra.workspace.secret_values import secret

SHORTEST_KEY = 16
"""Characters of the key that Grafana shows: with it anybody is whom they like."""


def provider_of(review: Review, environment: Mapping[str, str] | None = None) -> Provider | None:
    """The provider of the settings; None: only the token of a run, for this machine. NotSo where
    a secret is missing or too short.
    """
    match review.identity:
        case "dev":
            return None
        case "trusted_proxy":
            return TrustedProxy(review.trusted_proxies, review.user_header)
        case "oidc":
            # Its library takes a while to load, and few need it.
            from replan.infra.identity.oidc import OpenId

            return OpenId(
                review.oidc_issuer,
                review.oidc_client_id,
                review.oidc_login_claim,
                secret(OIDC_SECRET, environment),
            )
        case "auto" | "grafana_broker":
            key = secret(BROKER_KEY, environment)
            if key is None and review.identity == "auto":
                return None
            if key is None:
                raise NotSo(f"review.identity is grafana_broker, and {BROKER_KEY} is not set")
            if len(key) < SHORTEST_KEY:
                raise NotSo(
                    f"{BROKER_KEY} has {len(key)} characters, at least {SHORTEST_KEY} are needed"
                )
            if not review.grafana_keys:
                return GrafanaBroker(key, review.grafana_url)
            from replan.infra.identity.grafana_id import SignedByGrafana

            signed = SignedByGrafana(review.grafana_keys, review.grafana_url)
            return GrafanaBroker(key, review.grafana_url, signed)


def takes_run_token(review: Review) -> bool:
    """Whether whoever holds the token of this run may say who they are: on one's own machine."""
    return review.identity in ("auto", "dev") and not review.is_public
