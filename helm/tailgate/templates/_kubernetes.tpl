{{/* A ClusterRole belongs to no namespace, so its name says which release it is of; neither part can have a colon. */}}
{{- define "tailgate.clusterRoleName" -}}
{{- printf "%s:%s" (include "tailgate.namespace" .) (include "tailgate.fullname" .) }}
{{- end }}

{{/* What the processors `k8s_attributes` of the configuration ask the API server for, and nothing else. */}}
{{- define "tailgate.kubernetesNeeds" -}}
{{- $needs := dict }}
{{- range $id, $given := (include "tailgate.config" . | fromYaml).processors }}
{{- if regexMatch "^k8s_?attributes(/|$)" $id }}
{{- $settings := default dict $given }}
{{- if ne (toString $settings.passthrough) "true" }}
{{- $_ := set $needs "pods" true }}
{{- end }}
{{- $extract := default dict $settings.extract }}
{{- $metadata := default list $extract.metadata }}
{{- $fields := concat (default list $extract.labels) (default list $extract.annotations) }}
{{- range $key, $kind := dict "k8s.cluster.uid" "namespaces" "k8s.node.uid" "nodes" "k8s.deployment.uid" "replicasets" "k8s.cronjob.uid" "jobs" }}
{{- if has $key $metadata }}
{{- $_ := set $needs $kind true }}
{{- end }}
{{- end }}
{{- range $fields }}
{{- if has .from (list "namespace" "node") }}
{{- $_ := set $needs (printf "%ss" .from) true }}
{{- end }}
{{- end }}
{{- if eq (toString $extract.deployment_name_from_replicaset) "false" }}
{{- $_ := set $needs "replicasets" true }}
{{- end }}
{{- end }}
{{- end }}
{{- toYaml $needs }}
{{- end }}

{{/* Pods, namespaces and nodes are listed and watched; of owners single ones are asked for by name. */}}
{{- define "tailgate.kubernetesRules" -}}
{{- $everything := dict "pods" true "namespaces" true "nodes" true "replicasets" true "jobs" true }}
{{- $needs := ternary $everything (include "tailgate.kubernetesNeeds" . | fromYaml) (not (empty .Values.existingConfigMap)) }}
{{- with (keys (pick $needs "pods" "namespaces" "nodes") | sortAlpha) }}
- apiGroups: [""]
  resources: [{{ join ", " . }}]
  verbs: [list, watch]
{{- end }}
{{- if $needs.replicasets }}
- apiGroups: [apps]
  resources: [replicasets]
  verbs: [get]
{{- end }}
{{- if $needs.jobs }}
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get]
{{- end }}
{{- end }}

{{/* Whether a pod needs a token: not empty if so. */}}
{{- define "tailgate.asksKubernetes" -}}
{{- if and .Values.kubernetesAttributes.enabled (or (include "tailgate.kubernetesRules" . | trim) .Values.rbac.extraRules) }}yes{{ end }}
{{- end }}
