package io.chasqui.http;

import io.chasqui.chat.ModelRegistry;
import io.quarkus.test.common.http.TestHTTPResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.net.URI;
import org.junit.jupiter.api.Test;

/**
 * A server of {@link ParrotModel} for clients of other languages; no test by its name. It serves
 * until it is stopped, on the port {@code -Dquarkus.http.test-port}.
 */
@QuarkusTest
class ScriptedServer {
    @Inject ModelRegistry registry;

    @TestHTTPResource("/v1")
    URI url;

    @Test
    void serve() throws InterruptedException {
        ParrotModel.serve(registry);
        System.out.println("Scripted model at " + url);
        Thread.currentThread().join();
    }
}
