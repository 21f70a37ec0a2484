/** A program that keeps a PostgreSQL table equal to a domain: {@link com.alpha.pcworker.sample.PostgresSink}. */
package com.alpha.pcworker.sample;
