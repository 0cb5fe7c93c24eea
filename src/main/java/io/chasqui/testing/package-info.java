/**
 * Checks of a backend on the machine where it runs, made of the backend's public seam alone: {@code
 * chasqui selftest} and the tests share them.
 */
package io.chasqui.testing;
