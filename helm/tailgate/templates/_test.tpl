{{- define "tailgate.testContainer" -}}
image: {{ include "tailgate.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
env:
  {{- include "tailgate.env" . | nindent 2 }}
resources:
  {{- toYaml .Values.tests.resources | nindent 2 }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
volumeMounts:
  {{- include "tailgate.volumeMounts" . | nindent 2 }}
{{- end }}
