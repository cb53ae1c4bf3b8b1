"""The names of the collector's components, so that one which does not exist here is told from a spelling mistake."""

from __future__ import annotations

from collections.abc import Mapping


def _names(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


RECEIVERS = _names(
    """
    active_directory_ds activedirectoryds aerospike apache apachespark awscloudwatch awscontainerinsight
    awsecscontainermetrics awsfirehose awss3 awsxray azureblob azureeventhub azuremonitor bigip carbon chrony
    cloudflare cloudfoundry collectd couchdb datadog docker_stats elasticsearch expvar faro file filelog
    filestats flinkmetrics fluentforward github gitlab googlecloudmonitoring googlecloudpubsub
    googlecloudspanner haproxy hostmetrics host_metrics httpcheck http_check icmpcheck iis influxdb jaeger jmx
    journald k8s_cluster k8s_events k8sobjects k8s_objects kafka kafkametrics kubeletstats libhoney loki
    memcached mongodb mongodbatlas mysql namedpipe netflow nginx nop nsxt ntp oracledb osquery otelarrow
    otlpjsonfile podman_stats postgresql prometheus prometheus_simple prometheusremotewrite pulsar purefa purefb
    rabbitmq receiver_creator redis riak saphana sapm signalfx skywalking snmp snowflake solace splunk_hec
    splunkenterprise sqlquery sqlserver ssh_check sshcheck statsd stef syslog systemd tcpcheck tcplog tlscheck
    udplog vcenter vcr wavefront webhookevent windowseventlog windowsperfcounters windowsservice yanggrpc zipkin
    zookeeper
    """
)
EXPORTERS = _names(
    """
    alertmanager alibabacloud_logservice awscloudwatchlogs awsemf awskinesis awss3 awsxray azureblob
    azuredataexplorer azuremonitor bmchelix carbon cassandra clickhouse coralogix datadog dataset doris
    elasticsearch faro file googlecloud googlecloudpubsub googlemanagedprometheus honeycombmarker influxdb
    jaeger jaeger_thrift kafka load_balancing loadbalancing logicmonitor logzio loki mezmo nop opencensus
    opensearch otelarrow prometheus prometheusremotewrite prometheus_remote_write pulsar rabbitmq sapm sematext
    sentry signalfx splunk_hec stef sumologic syslog tencentcloud_logservice tinybird zipkin
    """
)
ADDING_PROCESSORS = _names(
    """
    cumulativetodelta deltatocumulative deltatorate experimental_metricsgeneration geoip groupbyattrs
    intervalprocessor interval isolationforest logdedup metricsgeneration
    metricstarttime metricstransform remotetap schema sumologic unroll
    """
)
"""Processors that add, or are about other signals: without them a trace says less, and nothing more leaves."""
OTHER_PROCESSORS = _names(
    """
    attributes batch coralogix filter groupbytrace log_dedup memory_limiter probabilistic_sampler redaction
    resource span tail_sampling transform adaptive_tail_sampling dynamic_sampling
    """
)
CONNECTORS = _names(
    """
    count datadog exceptions failover forward grafanacloud metricsaslogs otlpjson roundrobin round_robin routing
    service_graph servicegraph signaltometrics signal_to_metrics slowsql span_metrics spanmetrics sum
    """
)
EXTENSIONS = _names(
    """
    ack asapauth avro_log_encoding awscloudwatchmetricstreams_encoding awslogs_encoding awsproxy azure_auth
    azure_encoding basicauth bearertokenauth cgroupruntime db_storage docker_observer ecs_observer
    ecs_task_observer file_storage googleclientauth headers_setter health_check healthcheckv2 host_observer
    http_forwarder jaeger_encoding jaegerremotesampling json_log_encoding k8s_leader_elector k8s_observer
    kafkatopics_observer memory_limiter oauth2client oidc opamp otlp_encoding pprof redis_storage remotetap
    sigv4auth skywalking_encoding solarwindsapmsettings storage sumologic text_encoding zipkin_encoding zpages
    """
)

NAMES: Mapping[str, frozenset[str]] = {
    "receivers": RECEIVERS,
    "processors": ADDING_PROCESSORS | OTHER_PROCESSORS,
    "exporters": EXPORTERS,
    "connectors": CONNECTORS,
    "extensions": EXTENSIONS,
}
"""By the section in which they stand."""

RENAMED: Mapping[str, Mapping[str, str]] = {
    "receivers": {"hostmetrics": "host_metrics", "httpcheck": "http_check"},
    "processors": {"k8sattributes": "k8s_attributes", "resourcedetection": "resource_detection"},
    "exporters": {"logging": "debug", "otlphttp": "otlp_http", "loadbalancing": "load_balancing"},
    "connectors": {"spanmetrics": "span_metrics", "servicegraph": "service_graph"},
}
"""Old names and those that the collector has for the same now.

The exporter `otlp` is not among them: the collector calls it `otlp_grpc` by now, but everybody writes `otlp`.
"""

INSTEAD: Mapping[tuple[str, str], str] = {
    ("receivers", "jaeger"): "let the services send OTLP to the receiver 'otlp'",
    ("receivers", "zipkin"): "let the services send OTLP to the receiver 'otlp'",
    ("receivers", "prometheus"): "Tailgate takes traces only",
    ("exporters", "jaeger"): "Jaeger takes OTLP on port 4317: use the exporter 'otlp'",
    ("exporters", "prometheus"): "Tailgate sends OTLP only; its own metrics are served by service.telemetry.metrics",
    ("exporters", "prometheusremotewrite"): "Tailgate sends OTLP only, which Prometheus takes at /api/v1/otlp",
    ("exporters", "elasticsearch"): "send OTLP to a collector that has it, or to Elastic's own OTLP endpoint",
    ("exporters", "loki"): "Loki takes OTLP at /otlp: use the exporter 'otlp_http'",
}
"""What to do without a component that people often ask for."""
