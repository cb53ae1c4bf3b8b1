{{- define "tailgate.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 53 | trimSuffix "-" }}
{{- end }}

{{- define "tailgate.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 53 | trimSuffix "-" }}
{{- else if contains (include "tailgate.name" .) .Release.Name }}
{{- .Release.Name | trunc 53 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "tailgate.name" .) | trunc 53 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "tailgate.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{- define "tailgate.selectorLabels" -}}
app.kubernetes.io/name: {{ include "tailgate.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "tailgate.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "tailgate.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: {{ .Values.mode }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.additionalLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "tailgate.metadata" -}}
name: {{ include "tailgate.fullname" . }}
namespace: {{ include "tailgate.namespace" . }}
labels:
  {{- include "tailgate.labels" . | nindent 2 }}
{{- end }}

{{- define "tailgate.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "tailgate.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "tailgate.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end }}

{{- define "tailgate.configMapName" -}}
{{- default (include "tailgate.fullname" .) .Values.existingConfigMap }}
{{- end }}

{{- define "tailgate.rulesConfigMapName" -}}
{{- default (printf "%s-rules" (include "tailgate.fullname" .)) .Values.existingRulesConfigMap }}
{{- end }}

{{/* Beside a foreign workload there is no fsGroup of ours: then everybody in the container may read. */}}
{{- define "tailgate.fileMode" -}}
{{ ternary "0444" "0440" (eq .Values.mode "sidecar") }}
{{- end }}

{{/* What a container needs beside the image: shared by the pods and by `helm test`. */}}
{{- define "tailgate.volumes" -}}
- name: config
  projected:
    defaultMode: {{ include "tailgate.fileMode" $ }}
    sources:
      - configMap:
          name: {{ include "tailgate.configMapName" . }}
      - configMap:
          name: {{ include "tailgate.rulesConfigMapName" . }}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- with .Values.upstream.tls.existingSecret }}
- name: upstream-tls
  secret:
    secretName: {{ . }}
    defaultMode: {{ include "tailgate.fileMode" $ }}
{{- end }}
{{- with .Values.receiverTLS.existingSecret }}
- name: receiver-tls
  secret:
    secretName: {{ . }}
    defaultMode: {{ include "tailgate.fileMode" $ }}
{{- end }}
{{- with .Values.scrubbing.hmac }}
{{- if .existingSecret }}
- name: hmac
  secret:
    secretName: {{ .existingSecret }}
    defaultMode: {{ include "tailgate.fileMode" $ }}
    items:
      - {key: {{ .key | quote }}, path: hmac.key}
{{- end }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ tpl (toYaml .) $ }}
{{- end }}
{{- end }}

{{- define "tailgate.volumeMounts" -}}
- name: config  # the whole folder: through `subPath` changes would never arrive
  mountPath: /etc/tailgate
  readOnly: true
- name: tmp
  mountPath: /tmp
{{- if .Values.upstream.tls.existingSecret }}
- name: upstream-tls
  mountPath: /etc/tailgate-upstream
  readOnly: true
{{- end }}
{{- if .Values.receiverTLS.existingSecret }}
- name: receiver-tls
  mountPath: /etc/tailgate-tls
  readOnly: true
{{- end }}
{{- if .Values.scrubbing.hmac.existingSecret }}
- name: hmac
  mountPath: /etc/tailgate-hmac
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ tpl (toYaml .) $ }}
{{- end }}
{{- end }}

{{- define "tailgate.headerVariable" -}}
TAILGATE_HEADER_{{ . | upper | replace "-" "_" | replace "." "_" }}
{{- end }}

{{- define "tailgate.env" -}}
- name: NODE_NAME
  valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
- name: MY_POD_IP
  valueFrom: {fieldRef: {fieldPath: status.podIP}}
- name: OTEL_K8S_NODE_NAME
  valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
- name: OTEL_K8S_NODE_IP
  valueFrom: {fieldRef: {fieldPath: status.hostIP}}
- name: OTEL_K8S_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
- name: OTEL_K8S_POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: OTEL_K8S_POD_UID
  valueFrom: {fieldRef: {fieldPath: metadata.uid}}
- name: OTEL_K8S_POD_IP
  valueFrom: {fieldRef: {fieldPath: status.podIP}}
{{- with .Values.deploymentEnvironment }}
- name: DEPLOYMENT_ENVIRONMENT
  value: {{ . | quote }}
{{- end }}
{{- range $header, $ref := .Values.upstream.secretHeaders }}
- name: {{ include "tailgate.headerVariable" $header }}
  valueFrom: {secretKeyRef: {name: {{ $ref.name | quote }}, key: {{ $ref.key | quote }}}}
{{- end }}
{{- with .Values.extraEnvs }}
{{ tpl (toYaml .) $ }}
{{- end }}
{{- end }}

{{- define "tailgate.containerPorts" -}}
- name: health
  containerPort: 13133
  protocol: TCP
{{- range $name, $port := .Values.ports }}
{{- if $port.enabled }}
- name: {{ $name }}
  containerPort: {{ $port.containerPort }}
  protocol: {{ $port.protocol }}
  {{- with $port.hostPort }}
  hostPort: {{ . }}
  {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "tailgate.container" -}}
name: tailgate
image: {{ include "tailgate.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args:
  - run
  - --config
  - /etc/tailgate/tailgate.yaml
  {{- range .Values.extraArgs }}
  - {{ . | quote }}
  {{- end }}
env:
  {{- include "tailgate.env" . | nindent 2 }}
{{- with .Values.extraEnvsFrom }}
envFrom:
  {{- tpl (toYaml .) $ | nindent 2 }}
{{- end }}
ports:
  {{- include "tailgate.containerPorts" . | nindent 2 }}
livenessProbe:
  httpGet: {path: /live, port: health}
  {{- toYaml .Values.livenessProbe | nindent 2 }}
readinessProbe:
  httpGet: {path: /ready, port: health}
  {{- toYaml .Values.readinessProbe | nindent 2 }}
startupProbe:
  httpGet: {path: /live, port: health}
  {{- toYaml .Values.startupProbe | nindent 2 }}
{{- with .Values.lifecycle }}
lifecycle:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
volumeMounts:
  {{- include "tailgate.volumeMounts" . | nindent 2 }}
{{- end }}
