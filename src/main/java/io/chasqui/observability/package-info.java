/** Metrics under vLLM's names, so that its dashboards, alerts and balancers work unchanged. */
package io.chasqui.observability;
