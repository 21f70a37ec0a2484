SELECT (SELECT count(*) FROM jobs WHERE state IN ('queued', 'splitting'))
     + (SELECT count(*) FROM chunks JOIN jobs USING (job_id)
         WHERE chunks.state IN ('waiting', 'enqueued') AND jobs.state IN ('queued', 'splitting', 'running'))
