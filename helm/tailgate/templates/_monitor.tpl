{{/* The part that pod and service monitors have in common: {monitor, root}. */}}
{{- define "tailgate.endpoint" -}}
- port: metrics
  path: /metrics
  {{- with .monitor.interval }}
  interval: {{ . }}
  {{- end }}
  {{- with .monitor.scrapeTimeout }}
  scrapeTimeout: {{ . }}
  {{- end }}
  relabelings:
    - action: replace
      targetLabel: job
      replacement: {{ .root.Values.metrics.job | quote }}
    - action: replace
      sourceLabels: [__meta_kubernetes_pod_node_name]
      targetLabel: node
    {{- with .monitor.relabelings }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .monitor.metricRelabelings }}
  metricRelabelings:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{- define "tailgate.monitorMetadata" -}}
name: {{ include "tailgate.fullname" .root }}
namespace: {{ include "tailgate.namespace" .root }}
labels:
  {{- include "tailgate.labels" .root | nindent 2 }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
