package io.chasqui.http;

import jakarta.inject.Singleton;
import jakarta.ws.rs.NotAcceptableException;
import jakarta.ws.rs.NotAllowedException;
import jakarta.ws.rs.NotFoundException;
import jakarta.ws.rs.NotSupportedException;
import jakarta.ws.rs.WebApplicationException;
import jakarta.ws.rs.core.HttpHeaders;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import jakarta.ws.rs.core.UriInfo;
import java.util.Arrays;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jboss.logging.Logger;
import org.jboss.resteasy.reactive.server.ServerExceptionMapper;

/** Gives every failure the API's error object. */
@Singleton
final class ErrorMappers {
    private static final Logger LOG = Logger.getLogger(ErrorMappers.class);

    private final HttpMetrics metrics;

    ErrorMappers(HttpMetrics metrics) {
        this.metrics = metrics;
    }

    @ServerExceptionMapper(priority = 1)
    public Response map(ApiException failure) {
        return response(failure.error()).build();
    }

    @ServerExceptionMapper(priority = 1)
    public Response map(NotFoundException failure, UriInfo uri) {
        return response(Routes.notFound(uri.getRequestUri().getPath())).build();
    }

    @ServerExceptionMapper(priority = 1)
    public Response map(NotAllowedException failure) {
        var allow = failure.getResponse().getHeaderString(HttpHeaders.ALLOW);
        return response(Routes.methodNotAllowed()).header(HttpHeaders.ALLOW, allow).build();
    }

    @ServerExceptionMapper(priority = 1)
    public Response map(NotSupportedException failure) {
        return response(Routes.unsupportedMediaType()).build();
    }

    @ServerExceptionMapper(priority = 1)
    public Response map(NotAcceptableException failure) {
        var message = "This route answers with JSON or an event stream. Send 'Accept: */*'.";
        return response(ApiError.request(406, "not_acceptable", message)).build();
    }

    @ServerExceptionMapper(priority = 1)
    public Response map(WebApplicationException failure) {
        int status = failure.getResponse().getStatus();
        return status >= 500
                ? map((Throwable) failure)
                : response(ApiError.request(status, "bad_request", "The request is malformed."))
                        .build();
    }

    @ServerExceptionMapper(priority = 1)
    public Response map(Throwable failure) {
        var id = Call.newId();
        LOG.errorf("Internal error %s: %s", id, trace(failure));
        return response(ApiError.internal(id)).build();
    }

    /** Where it happened, without the exception's message: that may quote a caller's text. */
    private static String trace(Throwable failure) {
        return Stream.iterate(failure, Objects::nonNull, Throwable::getCause)
                .limit(8)
                .map(f -> f.getClass().getName() + Arrays.toString(f.getStackTrace()))
                .collect(Collectors.joining(" caused by "));
    }

    private Response.ResponseBuilder response(ApiError error) {
        metrics.rejected(error);
        var response =
                Response.status(error.status())
                        .type(MediaType.APPLICATION_JSON_TYPE)
                        .entity(error.body());
        error.headers().forEach(response::header);
        return response;
    }
}
