/**
 * Reads the delivery log of a pc_worker gateway. Begin with {@link com.alpha.pcworker.client.Gateway}: its {@code subscribe} follows a
 * named subscription over {@code Consume}, its {@code stream} reads a domain once. Both return a
 * {@link com.alpha.pcworker.client.RowReader}. All failures are {@link com.alpha.pcworker.client.GatewayException}s.
 */
package com.alpha.pcworker.client;
