"""The sensor models that a configuration names, read and checked against the sites that are served."""

from collections.abc import Iterable

from gateway.config import ConfigError, GatewayConfig
from gateway.presence.model import Model, check_model, decode_model
from wire.site import Site


def load_models(config: GatewayConfig, sites: Iterable[Site]) -> dict[str, Model]:
    """Read the sensor models, by site; each names its own.

    Raises `ModelError` for one that is none, or was surveyed with other antennas, `ConfigError` for one of a site that
    is not served or has another one, `OSError`.
    """
    served = {site.id: site for site in sites}
    models: dict[str, Model] = {}
    for path in config.models:
        model = decode_model(path.read_bytes(), str(path))
        if model.site not in served:
            names = ", ".join(sorted(served))
            raise ConfigError(f"{path}: surveyed at site {model.site!r}; this gateway serves {names}")
        if model.site in models:
            raise ConfigError(f"{path}: site {model.site!r} has a sensor model already: name one of them")
        check_model(model, served[model.site], str(path))
        models[model.site] = model
    return models
