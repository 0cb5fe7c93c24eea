package io.chasqui.catalog;

/**
 * A file that was fetched.
 *
 * @param path where it lies below its model's folder
 * @param size its bytes
 * @param sha256 checksum of what was fetched, lower-case hex
 */
record StoredFile(String path, long size, String sha256) {}
