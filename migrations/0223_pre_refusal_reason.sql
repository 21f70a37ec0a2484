-- Rows that a model refuses for another reason than their size on the wire, as a content filter of an engine does: they
-- would lack its vectors for ever. Empty: too large.
ALTER TABLE model_refusals ADD COLUMN reason text NOT NULL DEFAULT '';
