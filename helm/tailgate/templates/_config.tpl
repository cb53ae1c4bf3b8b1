{{/* A quantity of memory in MiB, 0 where there is none. */}}
{{- define "tailgate.mebibytes" -}}
{{- $text := toString . }}
{{- $units := dict "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 }}
{{- $unit := regexFind "[KMGT]i$|[kMGT]$" $text }}
{{- $number := float64 (trimSuffix $unit $text) }}
{{- if eq $unit "" }}{{ div (int64 $number) 1048576 }}{{ else }}{{ div (int64 (mulf $number (get $units $unit))) 1048576 }}{{ end }}
{{- end }}

{{/* 80 % of the memory limit, soft a quarter of that below; without a limit the process finds its own. */}}
{{- define "tailgate.memoryLimiter" -}}
{{- $limit := dig "limits" "memory" "" (.Values.resources | default dict) }}
check_interval: 1s
{{- if $limit }}
{{- $mebibytes := include "tailgate.mebibytes" $limit | int64 }}
limit_mib: {{ div (mul $mebibytes 80) 100 }}
spike_limit_mib: {{ div (mul $mebibytes 20) 100 }}
{{- else }}
limit_percentage: 80
spike_limit_percentage: 20
{{- end }}
{{- end }}

{{- define "tailgate.receiver" -}}
endpoint: {{ printf "%s:%v" .listen .port | quote }}
{{- if .tls.existingSecret }}
tls:
  cert_file: /etc/tailgate-tls/tls.crt
  key_file: /etc/tailgate-tls/tls.key
  {{- with .tls.clientCAKey }}
  client_ca_file: /etc/tailgate-tls/{{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "tailgate.exporter" -}}
{{- $upstream := .Values.upstream }}
endpoint: {{ tpl $upstream.endpoint . | quote }}
compression: {{ $upstream.compression }}
{{- if or $upstream.headers $upstream.secretHeaders }}
headers:
  {{- range $name, $value := $upstream.headers }}
  {{ $name | quote }}: {{ $value | replace "$" "$$" | quote }}
  {{- end }}
  {{- range $name, $ref := $upstream.secretHeaders }}
  {{ $name | quote }}: {{ printf "${env:%s}" (include "tailgate.headerVariable" $name) | quote }}
  {{- end }}
{{- end }}
{{- $tls := $upstream.tls }}
{{- if or $tls.existingSecret $tls.serverName (and (eq $upstream.protocol "grpc") $upstream.insecure) }}
tls:
  {{- if $tls.existingSecret }}
  {{- with $tls.caKey }}
  ca_file: /etc/tailgate-upstream/{{ . }}
  {{- end }}
  {{- with $tls.certKey }}
  cert_file: /etc/tailgate-upstream/{{ . }}
  {{- end }}
  {{- with $tls.keyKey }}
  key_file: /etc/tailgate-upstream/{{ . }}
  {{- end }}
  {{- else if and (eq $upstream.protocol "grpc") $upstream.insecure }}
  insecure: true
  {{- end }}
  {{- with $tls.serverName }}
  server_name_override: {{ . | quote }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "tailgate.exporterName" -}}
{{- if not .Values.upstream.endpoint }}debug{{ else if eq .Values.upstream.protocol "http" }}otlp_http{{ else }}otlp{{ end }}
{{- end }}

{{/* The configuration that the values make, before `config` is merged over it. */}}
{{- define "tailgate.baseConfig" -}}
{{- $values := .Values }}
{{- $listen := ternary "127.0.0.1" $values.listenAddress (eq $values.mode "sidecar") }}
{{- $grpc := index $values.ports "otlp-grpc" }}
{{- $http := index $values.ports "otlp-http" }}
receivers:
  otlp:
    protocols:
      {{- if $grpc.enabled }}
      grpc:
        {{- include "tailgate.receiver" (dict "listen" $listen "port" $grpc.containerPort "tls" $values.receiverTLS) | nindent 8 }}
      {{- end }}
      {{- if $http.enabled }}
      http:
        {{- include "tailgate.receiver" (dict "listen" $listen "port" $http.containerPort "tls" $values.receiverTLS) | nindent 8 }}
      {{- end }}
processors:
  memory_limiter:
    {{- include "tailgate.memoryLimiter" . | nindent 4 }}
  {{- if $values.kubernetesAttributes.enabled }}
  k8s_attributes:
    {{- if eq $values.mode "daemonset" }}
    filter:
      node_from_env_var: NODE_NAME
    {{- end }}
    {{- with $values.kubernetesAttributes.config }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
  enrich:
    rules: enrichment.yaml
  scrub:
    rules: scrubbing.yaml
    {{- if $values.scrubbing.hmac.existingSecret }}
    hmac:
      key_file: /etc/tailgate-hmac/hmac.key
    {{- end }}
  tail_sampling:
    rules: sampling.yaml
  retention:
    rules: retention.yaml
  batch:
    timeout: 200ms
    send_batch_size: 2048
exporters:
  {{ include "tailgate.exporterName" . }}:
    {{- if $values.upstream.endpoint }}
    {{- include "tailgate.exporter" . | nindent 4 }}
    {{- else }} {}
    {{- end }}
{{- if or $values.spanMetrics.enabled $values.serviceGraph.enabled }}
connectors:
  {{- if $values.spanMetrics.enabled }}
  span_metrics: {{- toYaml $values.spanMetrics.config | nindent 4 }}
  {{- end }}
  {{- if $values.serviceGraph.enabled }}
  service_graph: {{- toYaml $values.serviceGraph.config | nindent 4 }}
  {{- end }}
{{- end }}
extensions:
  health_check:
    endpoint: {{ printf "%s:13133" $values.listenAddress | quote }}
service:
  extensions: [health_check]
  pipelines:
    traces:
      receivers: [otlp]
      processors: [memory_limiter, {{ if $values.kubernetesAttributes.enabled }}k8s_attributes, {{ end }}enrich, scrub, tail_sampling, retention, batch]
      exporters: [{{ include "tailgate.exporterName" . }}{{ if $values.spanMetrics.enabled }}, span_metrics{{ end }}{{ if $values.serviceGraph.enabled }}, service_graph{{ end }}]
    {{- range $signal := list "logs" "metrics" }}
    {{ $signal }}:
      receivers: [otlp]
      processors: [memory_limiter, {{ if $values.kubernetesAttributes.enabled }}k8s_attributes, {{ end }}enrich, scrub, batch]
      exporters: [{{ include "tailgate.exporterName" $ }}]
    {{- end }}
  shutdown_grace: {{ $values.shutdownGraceSeconds }}s
  telemetry:
    logs:
      level: {{ $values.logLevel }}
    metrics:
      {{- if $values.ports.metrics.enabled }}
      address: {{ printf "%s:%v" $values.listenAddress $values.ports.metrics.containerPort | quote }}
      {{- else }}
      level: none
      {{- end }}
{{- end }}

{{/* Merge `over` into `under`, mapping by mapping; null takes a key away. */}}
{{- define "tailgate.merge" -}}
{{- $under := .under }}
{{- range $key, $value := .over }}
{{- if kindIs "invalid" $value }}
{{- $_ := unset $under $key }}
{{- else if and (kindIs "map" $value) (kindIs "map" (get $under $key)) }}
{{- include "tailgate.merge" (dict "under" (get $under $key) "over" $value) }}
{{- else }}
{{- $_ := set $under $key $value }}
{{- end }}
{{- end }}
{{- end }}

{{- define "tailgate.config" -}}
{{- if .Values.alternateConfig }}
{{- toYaml .Values.alternateConfig }}
{{- else }}
{{- $config := include "tailgate.baseConfig" . | fromYaml }}
{{- include "tailgate.merge" (dict "under" $config "over" .Values.config) }}
{{- toYaml $config }}
{{- end }}
{{- end }}

{{/* What a running process cannot or should not take over; exporters and rule files are not among it. */}}
{{- define "tailgate.configChecksum" -}}
{{- pick (include "tailgate.config" . | fromYaml) "receivers" "processors" "connectors" "extensions" "service" | toJson | sha256sum }}
{{- end }}
