package io.chasqui.http;

import jakarta.ws.rs.HttpMethod;
import jakarta.ws.rs.container.ContainerRequestContext;
import jakarta.ws.rs.core.HttpHeaders;
import jakarta.ws.rs.core.MediaType;
import org.jboss.resteasy.reactive.server.ServerRequestFilter;

/** Refuses bodies that will not be read, before they are. */
final class JsonBodyFilter {

    @ServerRequestFilter
    void check(ContainerRequestContext request) {
        if (!request.getMethod().equals(HttpMethod.POST)) {
            return;
        }
        if (!MediaType.APPLICATION_JSON_TYPE.isCompatible(request.getMediaType())) {
            throw new ApiException(Routes.unsupportedMediaType());
        }
        if (request.getHeaderString(HttpHeaders.CONTENT_ENCODING) != null) {
            throw new ApiException(Routes.unsupportedEncoding());
        }
        if (request.getLength() > JsonBody.MAX_BYTES) {
            throw new ApiException(JsonBody.tooLarge());
        }
    }
}
