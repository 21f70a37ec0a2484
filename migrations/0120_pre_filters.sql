-- How filters compare a payload's values. Every function returns null instead of failing: no value can fail a search.

-- A number as JSON writes it, also as text: 5, 5.0, "5" and 5e0 are equal. `007` is text.
CREATE FUNCTION filter_number(value jsonb) RETURNS numeric LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE WHEN jsonb_typeof(value) IN ('number', 'string')
                 AND value #>> '{}' ~ '^-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]{1,3})?$' AND length(value #>> '{}') <= 400
                THEN (value #>> '{}')::numeric END
$$;

-- A date with or without a time and a zone; without a zone it is UTC.
CREATE FUNCTION filter_time(value jsonb) RETURNS timestamptz LANGUAGE plpgsql IMMUTABLE STRICT
SET timezone = 'UTC' AS $$
BEGIN
    IF jsonb_typeof(value) = 'string' AND value #>> '{}' ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}' THEN
        RETURN (value #>> '{}')::timestamptz;
    END IF;
    RETURN NULL;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END
$$;

-- What equality compares: the text of a value, of a number in one form; null for null, objects and arrays.
CREATE FUNCTION filter_text(value jsonb) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE jsonb_typeof(value)
           WHEN 'number' THEN coalesce(trim_scale(filter_number(value))::text, value #>> '{}')
           WHEN 'string' THEN coalesce(trim_scale(filter_number(value))::text, value #>> '{}')
           WHEN 'boolean' THEN value #>> '{}' END
$$;
