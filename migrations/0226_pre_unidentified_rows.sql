-- A dead row was dropped whose workers ended before they had read its key: it may be any row of the source, so that this
-- job and those before it cannot show which rows the source lacks.
ALTER TABLE chunks ADD COLUMN unidentified boolean NOT NULL DEFAULT false;
