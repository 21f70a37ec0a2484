-- How filters compare a payload's values. Every function returns null instead of failing: no value can fail a search.
-- `pc_worker/store/search/values.py` has the same rules for the index. Those in SQL are not STRICT, so that they are inlined:
-- a call for each row would take as long as ten comparisons.

-- A number as JSON writes it, also as text: 5, 5.0, "5" and 5e0 are equal. `007` is text.
CREATE FUNCTION filter_number(value jsonb) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN jsonb_typeof(value) IN ('number', 'string')
                 AND value #>> '{}' ~ '^-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]{1,3})?$'
                 AND length(value #>> '{}') <= 400 THEN (value #>> '{}')::numeric END
$$;

-- A date with or without a time and a zone; without a zone it is UTC.
CREATE FUNCTION filter_time(value jsonb) RETURNS timestamptz LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
    stated text := value #>> '{}';
BEGIN
    IF jsonb_typeof(value) <> 'string' OR stated !~ ('^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]([01][0-9]|2[0-3]):[0-5][0-9]'
        '(:[0-5][0-9]([.][0-9]{1,9})?)?( ?(Z|[+-](0[0-9]|1[0-5])(:?[0-5][0-9])?))?)?$') THEN
        RETURN NULL;
    ELSIF length(stated) = 10 THEN
        RETURN (stated || ' 00:00Z')::timestamptz;
    ELSIF stated ~ '(Z|[+-][0-9:]+)$' AND length(stated) > 16 THEN
        RETURN stated::timestamptz;
    END IF;
    RETURN (stated || 'Z')::timestamptz;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END
$$;

-- What equality compares: the text of a value, a number or time in one form; null for null, objects and arrays.
CREATE FUNCTION filter_text(value jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE jsonb_typeof(value)
           WHEN 'number' THEN coalesce(trim_scale(filter_number(value))::text, value #>> '{}')
           WHEN 'string' THEN CASE
               WHEN value #>> '{}' ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}'
               THEN coalesce(E'\x01' || extract(epoch FROM filter_time(value) AT TIME ZONE 'UTC')::text, value #>> '{}')
               ELSE coalesce(trim_scale(filter_number(value))::text, value #>> '{}') END
           WHEN 'boolean' THEN value #>> '{}' END
$$;

-- The fields that payloads of a domain have had, so that a filter on any other is refused. `path` is the jsonpath of
-- `field`: a dot may be a part of a name, or reach into an object. A domain has at most 10,000 of them here.
CREATE TABLE payload_fields (
    domain text NOT NULL,
    field  text NOT NULL,
    path   text NOT NULL,
    PRIMARY KEY (domain, field, path)
);

WITH RECURSIVE fields (domain, field, path, value, depth) AS (
    SELECT r.domain, item.key, '$.' || to_jsonb(item.key)::text, item.value, 1
    FROM rows r, jsonb_each(r.payload) AS item
    WHERE jsonb_typeof(r.payload) = 'object'
    UNION ALL
    SELECT f.domain, f.field || step.dotted, f.path || step.path, step.value, f.depth + 1
    FROM fields f, LATERAL (
        SELECT '.' || item.key AS dotted, '.' || to_jsonb(item.key)::text AS path, item.value
        FROM jsonb_each(CASE jsonb_typeof(f.value) WHEN 'object' THEN f.value ELSE '{}' END) AS item
        UNION ALL
        SELECT '', '', item FROM jsonb_array_elements(CASE jsonb_typeof(f.value) WHEN 'array' THEN f.value ELSE '[]' END)
            AS item
        WHERE jsonb_typeof(item) IN ('object', 'array')) AS step
    WHERE f.depth < 32 AND jsonb_typeof(f.value) IN ('object', 'array')
)
INSERT INTO payload_fields
SELECT domain, field, path FROM (
    SELECT domain, field, path, row_number() OVER (PARTITION BY domain ORDER BY min(depth), field) AS place
    FROM fields WHERE octet_length(field) <= 1000 AND octet_length(path) <= 1500 GROUP BY domain, field, path
) AS known WHERE place <= 10000;

DO $$
BEGIN
    GRANT SELECT ON payload_fields TO pcw_reader;
EXCEPTION
    WHEN insufficient_privilege OR undefined_object OR invalid_grant_operation THEN
        RAISE NOTICE 'search has no role of its own: %', SQLERRM;
END
$$;
