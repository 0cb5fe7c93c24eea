/** The commands of {@code chasqui}, and the place where a server is put together. */
package io.chasqui.cli;
