"""The tables of components, given to the loader as an argument."""

from __future__ import annotations

from ..config.model import Tables
from ..connectors import CONNECTORS
from ..exporters import EXPORTERS
from ..processors import PROCESSORS
from ..receivers import RECEIVERS

TABLES = Tables(receivers=RECEIVERS, processors=PROCESSORS, exporters=EXPORTERS, connectors=CONNECTORS)
