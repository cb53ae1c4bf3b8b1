{{- define "tailgate.podTemplate" -}}
metadata:
  labels:
    {{- include "tailgate.selectorLabels" . | nindent 4 }}
    app.kubernetes.io/component: {{ .Values.mode }}
    {{- with (merge (deepCopy .Values.podLabels) .Values.additionalLabels) }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    kubectl.kubernetes.io/default-container: tailgate
    {{- if and .Values.rollOnConfigChange (not .Values.existingConfigMap) }}
    checksum/config: {{ include "tailgate.configChecksum" . }}
    {{- end }}
    {{- if and .Values.scrapeAnnotations .Values.ports.metrics.enabled }}
    prometheus.io/scrape: "true"
    prometheus.io/port: {{ .Values.ports.metrics.containerPort | quote }}
    prometheus.io/path: /metrics
    {{- end }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  serviceAccountName: {{ include "tailgate.serviceAccountName" . }}
  automountServiceAccountToken: {{ not (empty (include "tailgate.asksKubernetes" .)) }}
  enableServiceLinks: false
  securityContext:
    {{- toYaml .Values.podSecurityContext | nindent 4 }}
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  {{- if .Values.hostNetwork }}
  hostNetwork: true
  {{- end }}
  dnsPolicy: {{ default (ternary "ClusterFirstWithHostNet" "ClusterFirst" .Values.hostNetwork) .Values.dnsPolicy }}
  {{- with .Values.dnsConfig }}
  dnsConfig:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.hostAliases }}
  hostAliases:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.runtimeClassName }}
  runtimeClassName: {{ . }}
  {{- end }}
  {{- with .Values.schedulerName }}
  schedulerName: {{ . }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- tpl (toYaml .) $ | nindent 4 }}
  {{- end }}
  {{- if eq .Values.mode "deployment" }}
  {{- with .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- tpl (toYaml .) $ | nindent 4 }}
  {{- end }}
  {{- end }}
  {{- with .Values.initContainers }}
  initContainers:
    {{- tpl (toYaml .) $ | nindent 4 }}
  {{- end }}
  containers:
    - {{- include "tailgate.container" . | nindent 6 }}
    {{- with .Values.extraContainers }}
    {{- tpl (toYaml .) $ | nindent 4 }}
    {{- end }}
  volumes:
    {{- include "tailgate.volumes" . | nindent 4 }}
{{- end }}

{{/* Reasons for which a scanner of manifests is told to look away; both hold for the defaults. */}}
{{- define "tailgate.checkovSkips" }}
{{- if not .Values.image.digest }}
checkov.io/skip1: CKV_K8S_43=the chart names the released version; image.digest pins it
{{- end }}
{{- if ne .Values.image.pullPolicy "Always" }}
checkov.io/skip2: CKV_K8S_15=a node must be able to start its proxy while the registry is away, and a released tag never moves
{{- end }}
{{- end }}

{{- define "tailgate.workloadAnnotations" -}}
{{- with (merge (deepCopy .Values.annotations) (include "tailgate.checkovSkips" . | fromYaml)) }}
{{- toYaml . }}
{{- end }}
{{- end }}
