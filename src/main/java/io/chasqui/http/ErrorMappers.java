package io.chasqui.http;

import io.chasqui.engine.FailureTrace;
import jakarta.inject.Singleton;
import jakarta.ws.rs.NotAcceptableException;
import jakarta.ws.rs.NotAllowedException;
import jakarta.ws.rs.NotFoundException;
import jakarta.ws.rs.NotSupportedException;
import jakarta.ws.rs.WebApplicationException;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import jakarta.ws.rs.core.UriInfo;
import java.io.IOException;
import java.util.Map;
import org.jboss.logging.Logger;
import org.jboss.resteasy.reactive.server.ServerExceptionMapper;

/** Gives every failure the API's error object. */
@Singleton
final class ErrorMappers {
    private static final Logger LOG = Logger.getLogger(ErrorMappers.class);
    private static final ApiError MALFORMED = Routes.malformed();

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
    public Response map(NotAllowedException failure, UriInfo uri) {
        return response(Routes.methodNotAllowed(uri.getRequestUri().getPath())).build();
    }

    /** The client left while its body was read: nobody hears the answer. */
    @ServerExceptionMapper(priority = 1)
    public Response map(IOException failure) {
        return response(MALFORMED).build();
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
                : response(
                                new ApiError(
                                        status,
                                        MALFORMED.type(),
                                        MALFORMED.code(),
                                        null,
                                        MALFORMED.message(),
                                        Map.of()))
                        .build();
    }

    @ServerExceptionMapper(priority = 1)
    public Response map(Throwable failure) {
        var id = Call.newId();
        LOG.errorf("Internal error %s: %s", id, FailureTrace.of(failure));
        return response(ApiError.internal(id)).build();
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
