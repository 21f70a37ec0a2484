{{/* The ports of a server's URL, one a line: {url, port}. The URL of PostgreSQL may name several hosts. */}}
{{- define "pc-worker.portsOfServer" -}}
{{- $port := .port }}
{{- $hosts := regexReplaceAll "^[^:]+://([^/?#]*).*$" .url "${1}" }}
{{- range splitList "," (regexReplaceAll "^.*@" $hosts "") }}
{{ regexFind ":[0-9]+$" . | trimPrefix ":" | default $port }}
{{- end }}
{{- end }}

{{/* The ports of the URLs in a text, one a line. */}}
{{- define "pc-worker.portsOfUrls" -}}
{{- range regexFindAll "https?://[^/?#,;\\s\"']+" . -1 }}
{{ regexFind ":[0-9]+$" . | trimPrefix ":" | default (ternary "443" "80" (hasPrefix "https:" .)) }}
{{- end }}
{{- end }}

{{/* The ports outside that the parts need by their values, as a JSON array of texts. */}}
{{- define "pc-worker.egressPorts" -}}
{{- $values := .Values }}
{{- $found := list }}
{{- if not $values.trial.enabled }}
{{- $found = append $found (include "pc-worker.portsOfServer" (dict "url" (include "pc-worker.databaseUrl" .) "port" "5432")) }}
{{- $found = append $found (include "pc-worker.portsOfServer" (dict "url" (include "pc-worker.redisUrl" .) "port" "6379")) }}
{{- end }}
{{- range list "MODEL" "QUERY_MODELS" "LLM" "RERANKER" "JWT_JWKS" }}
{{- $found = append $found (get $values.settings . | toString | include "pc-worker.portsOfUrls") }}
{{- end }}
{{- range splitList "," (get $values.settings "BATCH_SERVERS" | toString) }}
{{- $found = append $found (regexFind ":[0-9]+$" (trim .)) }}
{{- end }}
{{- range $values.extraEnv }}
{{- $found = append $found (get . "value" | toString | include "pc-worker.portsOfUrls") }}
{{- end }}
{{- range $values.networkPolicy.egressPorts }}
{{- $found = append $found (include "pc-worker.text" .) }}
{{- end }}
{{- regexFindAll "[0-9]+" (join " " $found) -1 | uniq | sortAlpha | toJson }}
{{- end }}

{{/* Who may reach a part that clients call, as a JSON array: {root, part}. */}}
{{- define "pc-worker.clientsOf" -}}
{{- $values := .root.Values }}
{{- $from := $values.networkPolicy.clients }}
{{- $service := get (get $values .part) "service" | default dict }}
{{- if and (eq .part "http") $values.http.ingress.enabled }}{{ $from = concat $from $values.http.ingress.from }}{{ end }}
{{- if has (get $service "type") (list "LoadBalancer" "NodePort") }}{{ $from = concat $from $values.networkPolicy.external }}{{ end }}
{{- toJson $from }}
{{- end }}
