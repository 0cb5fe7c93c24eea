/** Models by name: where their files come from, and the folder that keeps them. */
package io.chasqui.catalog;
