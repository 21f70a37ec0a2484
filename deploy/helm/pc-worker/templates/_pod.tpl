{{/* The environment of a part: {root, part, env}. Secrets are files, so that they are not in the environment. */}}
{{- define "pc-worker.env" -}}
{{- $values := .root.Values }}
{{- $part := .part }}
- {name: PC_WORKER_DATABASE_URL, value: {{ include "pc-worker.databaseUrl" .root | quote }}}
- {name: PC_WORKER_DATABASE_USER, value: {{ $values.database.user | quote }}}
- {name: PC_WORKER_REDIS_URL, value: {{ include "pc-worker.redisUrl" .root | quote }}}
{{- with $values.redis.user }}
- {name: PC_WORKER_REDIS_USER, value: {{ . | quote }}}
{{- end }}
- {name: PC_WORKER_DATA_ROOTS, value: {{ $values.data.roots | quote }}}
- {name: PC_WORKER_METRICS_ADDRESS, value: "0.0.0.0:9464"}
{{- range $variable, $key := include "pc-worker.secretsOf" . | fromJson }}
- {name: PC_WORKER_{{ $variable }}, value: /secrets/{{ $key }}}
{{- end }}
{{- if include "pc-worker.listens" . }}
- {name: PC_WORKER_TLS_CERT, value: /tls/tls.crt}
- {name: PC_WORKER_TLS_KEY, value: /tls/tls.key}
{{- end }}
{{- /* One job can use all processes of all workers only if that many of its chunks may be under way. */}}
{{- $workers := ternary $values.keda.maxReplicas $values.worker.replicas $values.keda.enabled }}
{{- $chunks := mul $workers $values.worker.concurrency }}
{{- $settings := merge (dict) (.env | default dict) $values.settings (ternary (dict "CHUNKS_IN_FLIGHT" $chunks) (dict) (gt $chunks 32)) }}
{{- /* What names a folder of HOME, or a file next to the certificate, is checked at start, so only parts that have it get it. */}}
{{- $only := dict "RERANKER" (list "worker" "gateway" "http") "QUERY_MODELS" (list "worker" "gateway" "http") "TLS_CLIENT_CA" (list "gateway" "http") }}
{{- range $name, $value := $settings }}
{{- if has $part (get $only $name | default (list $part)) }}
- {name: PC_WORKER_{{ $name }}, value: {{ include "pc-worker.text" $value | quote }}}
{{- end }}
{{- end }}
{{- with $values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Whether a part listens with the certificate: {root, part}. */}}
{{- define "pc-worker.listens" -}}
{{- if and .root.Values.tls.secretName (has .part (list "gateway" "http")) }}yes{{ end }}
{{- end }}

{{/* Whether a part needs the HOME of others, with models, indexes and uploads: {part}. */}}
{{- define "pc-worker.sharesHome" -}}
{{- if has .part (list "worker" "gateway" "http") }}yes{{ end }}
{{- end }}

{{/* What the volume of that HOME can do, as JSON. */}}
{{- define "pc-worker.accessModes" -}}
{{- .Values.state.accessModes | default (list (ternary "ReadWriteOnce" "ReadWriteMany" .Values.trial.enabled)) | toJson }}
{{- end }}

{{/* Whether a part has the sources: {root, part}. */}}
{{- define "pc-worker.readsSources" -}}
{{- if and .root.Values.data.existingClaim (has .part (list "worker" "http")) }}yes{{ end }}
{{- end }}

{{/* Keys of the Secret that a part gets as files, as JSON: {root, part}. */}}
{{- define "pc-worker.secretItems" -}}
{{- $items := list }}
{{- range concat (include "pc-worker.secretsOf" . | fromJson | values) .root.Values.secretKeys.others | uniq | sortAlpha }}
{{- $items = append $items (dict "key" . "path" .) }}
{{- end }}
{{- toJson $items }}
{{- end }}

{{- define "pc-worker.mounts" -}}
- {name: state, mountPath: /state}
- {name: tmp, mountPath: /tmp}
{{- if include "pc-worker.secretItems" . | fromJsonArray }}
- {name: secrets, mountPath: /secrets, readOnly: true}
{{- end }}
{{- if include "pc-worker.readsSources" . }}
- {name: data, mountPath: /data, readOnly: true}
{{- end }}
{{- if include "pc-worker.listens" . }}
- {name: tls, mountPath: /tls, readOnly: true}
{{- end }}
{{- end }}

{{- define "pc-worker.volumes" -}}
{{- $values := .root.Values }}
- name: state
{{- if include "pc-worker.sharesHome" . }}
  persistentVolumeClaim: {claimName: {{ $values.state.existingClaim | default (printf "%s-state" (include "pc-worker.name" .root)) }}}
{{- else }}
  emptyDir: {}
{{- end }}
- name: tmp
  emptyDir: {}
{{- with include "pc-worker.secretItems" . | fromJsonArray }}
- name: secrets
  secret: {secretName: {{ $values.secretName }}, defaultMode: 0440, items: {{ toJson . }}}
{{- end }}
{{- if include "pc-worker.readsSources" . }}
- name: data
  persistentVolumeClaim: {claimName: {{ $values.data.existingClaim }}, readOnly: true}
{{- end }}
{{- if include "pc-worker.listens" . }}
- name: tls
  secret: {secretName: {{ $values.tls.secretName }}, defaultMode: 0440}
{{- end }}
{{- end }}

{{/* The affinity of a part: {root, part}. A volume for one node keeps the parts that share it on one node. */}}
{{- define "pc-worker.affinity" -}}
{{- $affinity := deepCopy .root.Values.affinity }}
{{- if and (include "pc-worker.sharesHome" .) (not (has "ReadWriteMany" (include "pc-worker.accessModes" .root | fromJsonArray))) }}
{{- $labels := dict "app.kubernetes.io/name" .root.Chart.Name "app.kubernetes.io/instance" .root.Release.Name }}
{{- $sharing := list (dict "key" "app.kubernetes.io/component" "operator" "In" "values" (list "worker" "gateway" "http")) }}
{{- $term := dict "topologyKey" "kubernetes.io/hostname" "labelSelector" (dict "matchLabels" $labels "matchExpressions" $sharing) }}
{{- $near := get $affinity "podAffinity" | default dict }}
{{- $terms := get $near "requiredDuringSchedulingIgnoredDuringExecution" | default list }}
{{- $_ := set $near "requiredDuringSchedulingIgnoredDuringExecution" (append $terms $term) }}
{{- $_ := set $affinity "podAffinity" $near }}
{{- end }}
{{- if $affinity }}{{ toYaml $affinity }}{{ end }}
{{- end }}

{{/* The account of a part: {root, part}. The first migration runs before the account of this release exists: at the install, and
at an upgrade from a release without one, which the cluster tells; every namespace has the account `default`. */}}
{{- define "pc-worker.accountOf" -}}
{{- $account := include "pc-worker.serviceAccount" .root }}
{{- $namespace := .root.Release.Namespace }}
{{- if and .root.Values.serviceAccount.create (eq .part "migrate") (not .root.Values.trial.enabled) }}
{{- $asked := lookup "v1" "ServiceAccount" $namespace "default" }}
{{- $missing := and $asked (not (lookup "v1" "ServiceAccount" $namespace $account)) }}
{{- if or .root.Release.IsInstall $missing }}{{ $account = "default" }}{{ end }}
{{- end }}
{{- $account }}
{{- end }}

{{/* A pod of a part: {root, part, args, env, ports, probes, lifecycle, resources, restart}. */}}
{{- define "pc-worker.pod" -}}
metadata:
  labels:
    {{- include "pc-worker.labels" . | nindent 4 }}
    {{- with .root.Values.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  {{- with .root.Values.podAnnotations }}
  annotations: {{ toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "pc-worker.accountOf" . }}
  automountServiceAccountToken: {{ .root.Values.serviceAccount.automountToken }}
  enableServiceLinks: false # variables that begin with PC_WORKER_ are settings
  # Longer than an orderly end: at most 40 s of a worker, and the seconds before a server is told to end.
  terminationGracePeriodSeconds: 60
  securityContext:
    {{- include "pc-worker.podSecurity" . | nindent 4 }}
  {{- with .root.Values.imagePullSecrets }}
  imagePullSecrets: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with .restart }}
  restartPolicy: {{ . }}
  {{- end }}
  containers:
    - name: {{ .part }}
      image: {{ include "pc-worker.image" .root | quote }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      args: {{ toJson .args }}
      env:
        {{- include "pc-worker.env" . | nindent 8 }}
      {{- with .ports }}
      ports: {{ toYaml . | nindent 8 }}
      {{- end }}
      {{- with .probes }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
      {{- with .lifecycle }}
      lifecycle: {{ toYaml . | nindent 8 }}
      {{- end }}
      resources: {{ toYaml .resources | nindent 8 }}
      securityContext:
        {{- include "pc-worker.containerSecurity" . | nindent 8 }}
      volumeMounts:
        {{- include "pc-worker.mounts" . | nindent 8 }}
  volumes:
    {{- include "pc-worker.volumes" . | nindent 4 }}
  {{- with .root.Values.nodeSelector }}
  nodeSelector: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with .root.Values.tolerations }}
  tolerations: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with include "pc-worker.affinity" . }}
  affinity: {{ . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* Of a server: a pod that ends is asked until all proxies of the cluster know it, so it goes on for a few seconds. */}}
{{- define "pc-worker.untilUnknown" -}}
{{- dict "preStop" (dict "exec" (dict "command" (list "sleep" "5"))) | toJson }}
{{- end }}

{{/* A Deployment of a part: what a pod takes, and {replicas, scaled, strategy}. */}}
{{- define "pc-worker.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "pc-worker.name" .root }}-{{ .part }}
  labels:
    {{- include "pc-worker.labels" . | nindent 4 }}
spec:
  {{- if not .scaled }}
  replicas: {{ .replicas }}
  {{- end }}
  {{- with .strategy }}
  strategy: {{ toYaml . | nindent 4 }}
  {{- end }}
  selector:
    matchLabels:
      {{- include "pc-worker.selector" . | nindent 6 }}
  template:
    {{- include "pc-worker.pod" . | nindent 4 }}
{{- end }}

{{/* A Service of a part: {root, part, type, annotations, ports}. */}}
{{- define "pc-worker.service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "pc-worker.name" .root }}-{{ .part }}
  labels:
    {{- include "pc-worker.labels" . | nindent 4 }}
  {{- with .annotations }}
  annotations: {{ toYaml . | nindent 4 }}
  {{- end }}
spec:
  type: {{ .type | default "ClusterIP" }}
  selector:
    {{- include "pc-worker.selector" . | nindent 4 }}
  ports: {{ toYaml .ports | nindent 4 }}
{{- end }}

{{/* A PodDisruptionBudget of a part: {root, part, budget}. */}}
{{- define "pc-worker.budget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "pc-worker.name" .root }}-{{ .part }}
  labels:
    {{- include "pc-worker.labels" . | nindent 4 }}
spec:
  {{- toYaml .budget | nindent 2 }}
  selector:
    matchLabels:
      {{- include "pc-worker.selector" . | nindent 6 }}
{{- end }}
