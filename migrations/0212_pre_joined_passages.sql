-- Domains whose neighbouring rows are joined into passages. The passages are rows of their own, under the domain's name with
-- `.joined` after it: searched like other rows, in no log, never delivered.

-- Which group a row of such a domain belongs to.
CREATE TABLE row_groups (
    domain   text NOT NULL,
    row_id   uuid NOT NULL,
    group_id uuid NOT NULL,
    PRIMARY KEY (domain, row_id),
    FOREIGN KEY (domain, row_id) REFERENCES rows ON DELETE CASCADE
);
CREATE INDEX row_groups_members ON row_groups (domain, group_id);

-- The rows of a joined passage in their order, and which characters of its text are theirs.
CREATE TABLE joined_parts (
    domain     text    NOT NULL,                 -- the name of the passages, with `.joined`
    joined_id  uuid    NOT NULL,
    part       integer NOT NULL CHECK (part >= 0),
    row_id     uuid    NOT NULL,
    start_char integer NOT NULL,
    end_char   integer NOT NULL,
    PRIMARY KEY (domain, joined_id, part),
    FOREIGN KEY (domain, joined_id) REFERENCES rows (domain, row_id) ON DELETE CASCADE
);
CREATE INDEX joined_parts_row ON joined_parts (domain, row_id);

DO $$
BEGIN
    GRANT SELECT ON row_groups, joined_parts TO pcw_reader;
EXCEPTION
    WHEN insufficient_privilege OR undefined_object OR invalid_grant_operation THEN
        RAISE NOTICE 'search has no role of its own: %', SQLERRM;
END
$$;
