{{/* Combinations that cannot work end here, each with what to do about it. */}}
{{- define "tailgate.checks" -}}
{{- $values := .Values }}
{{- if le (int $values.terminationGracePeriodSeconds) (int $values.shutdownGraceSeconds) }}
{{- fail (printf "terminationGracePeriodSeconds (%v) must be greater than shutdownGraceSeconds (%v), or what is held is lost when a pod stops" $values.terminationGracePeriodSeconds $values.shutdownGraceSeconds) }}
{{- end }}
{{- if and $values.autoscaling.enabled (ne $values.mode "deployment") }}
{{- fail "autoscaling is for mode deployment: a DaemonSet has a pod on every node" }}
{{- end }}
{{- if and $values.podDisruptionBudget.enabled (ne $values.mode "deployment") }}
{{- fail "podDisruptionBudget is for mode deployment: draining a node does not evict a DaemonSet's pods" }}
{{- end }}
{{- if and $values.podDisruptionBudget.enabled (kindIs "invalid" $values.podDisruptionBudget.minAvailable | not) (kindIs "invalid" $values.podDisruptionBudget.maxUnavailable | not) }}
{{- fail "podDisruptionBudget takes minAvailable or maxUnavailable, not both (set the other to null)" }}
{{- end }}
{{- if and $values.config $values.alternateConfig }}
{{- fail "config is merged over the chart's configuration and alternateConfig replaces it: set one of them" }}
{{- end }}
{{- if and $values.existingConfigMap (or $values.config $values.alternateConfig) }}
{{- fail "existingConfigMap holds the whole configuration: config and alternateConfig have no effect beside it" }}
{{- end }}
{{- if and $values.existingRulesConfigMap $values.rules }}
{{- fail "existingRulesConfigMap holds the rules: rules has no effect beside it" }}
{{- end }}
{{- if hasKey $values.rules "tailgate.yaml" }}
{{- fail "rules: tailgate.yaml is the configuration's own name; put it under config" }}
{{- end }}
{{- if and (not (index $values.ports "otlp-grpc").enabled) (not (index $values.ports "otlp-http").enabled) }}
{{- fail "ports: otlp-grpc or otlp-http must be enabled" }}
{{- end }}
{{- if and (or $values.podMonitor.enabled $values.serviceMonitor.enabled) (not $values.ports.metrics.enabled) }}
{{- fail "podMonitor and serviceMonitor scrape ports.metrics, which is not enabled" }}
{{- end }}
{{- if and $values.serviceMonitor.enabled (or (not $values.service.enabled) (eq $values.mode "sidecar")) }}
{{- fail "serviceMonitor needs service.enabled, and a mode that has a Service" }}
{{- end }}
{{- if and $values.upstream.tls.existingSecret (ne (empty $values.upstream.tls.certKey) (empty $values.upstream.tls.keyKey)) }}
{{- fail "upstream.tls: certKey and keyKey belong together" }}
{{- end }}
{{- range $name, $port := $values.ports }}
{{- if and $port.hostPort (ne $values.mode "daemonset") }}
{{- fail (printf "ports.%s.hostPort is for mode daemonset: two pods of a %s would want the same port of a node" $name $values.mode) }}
{{- end }}
{{- if eq (int $port.containerPort) 13133 }}
{{- fail (printf "ports.%s.containerPort: 13133 is the port of the health check" $name) }}
{{- end }}
{{- end }}
{{- end }}
