{{- define "pc-worker.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "pc-worker.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- define "pc-worker.labels" -}}
{{ include "pc-worker.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "pc-worker.image" -}}
{{- $image := .Values.image }}
{{- required "image.repository is needed: build the image and push it, see docs/how-to/kubernetes.md" $image.repository }}:{{ $image.tag | default (printf "%s-%s" .Chart.AppVersion $image.variant) }}
{{- end }}

{{- define "pc-worker.databaseUrl" -}}
{{- if .Values.trial.enabled }}postgresql://{{ include "pc-worker.name" . }}-postgres:5432/pcw{{ else }}{{ required "database.url is needed, or trial.enabled" .Values.database.url }}{{ end }}
{{- end }}

{{- define "pc-worker.redisUrl" -}}
{{- if .Values.trial.enabled }}redis://{{ include "pc-worker.name" . }}-valkey:6379/0{{ else }}{{ required "redis.url is needed, or trial.enabled" .Values.redis.url }}{{ end }}
{{- end }}

{{- define "pc-worker.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (ternary (include "pc-worker.name" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{- define "pc-worker.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "pc-worker.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* The secrets of a part, variable to key, as JSON: {root, part}. */}}
{{- define "pc-worker.secretsOf" -}}
{{- $servers := list "databasePassword" "redisPassword" }}
{{- $faces := concat $servers (list "token" "tokensFile") }}
{{- $needs := dict "worker" $servers "beat" $servers "migrate" $servers "gateway" $faces "http" $faces "flower" (list "redisPassword" "flowerAuth") }}
{{- $variables := dict "databasePassword" "DATABASE_PASSWORD_FILE" "redisPassword" "REDIS_PASSWORD_FILE" "token" "TOKEN_FILE" "tokensFile" "TOKENS_FILE" "flowerAuth" "FLOWER_AUTH_FILE" }}
{{- $found := dict }}
{{- range $name := get $needs .part }}
{{- $key := get $.root.Values.secretKeys $name }}
{{- if $key }}{{ $_ := set $found (get $variables $name) $key }}{{ end }}
{{- end }}
{{- toJson $found }}
{{- end }}

{{/* A value as text: Helm reads every number of a file as a float, and would write a large one with an exponent. */}}
{{- define "pc-worker.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) }}{{ int64 . }}{{ else }}{{ . }}{{ end }}
{{- end }}
