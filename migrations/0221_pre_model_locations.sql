-- Where else a model was registered from: on another machine its folder may have another path, and a folder may be moved.
-- `location` is the last one; a process loads the model from the first of them that exists on its machine.
ALTER TABLE models ADD COLUMN former_locations text[] NOT NULL DEFAULT '{}';
