package io.chasqui.http;

import static io.restassured.RestAssured.given;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.chasqui.chat.ModelRegistry;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

@QuarkusTest
class ChatCompletionsTest {
    @Inject ModelRegistry registry;

    @BeforeEach
    void serve() {
        TestModels.serve(registry);
    }

    @Test
    void answersInOnePiece() {
        var response =
                given().contentType("application/json")
                        .body(
                                """
                                {"model":"test/scripted","messages":[{"role":"user","content":"Hi"}]}
                                """)
                        .post("/v1/chat/completions");
        assertEquals(200, response.statusCode());
        assertEquals(
                TestModels.SCRIPT, response.jsonPath().getString("choices[0].message.content"));
    }

    @Test
    void streams() {
        var response =
                given().contentType("application/json")
                        .body(
                                """
                                {"model":"test/scripted","stream":true,"messages":[{"role":"user","content":"Hi"}]}
                                """)
                        .post("/v1/chat/completions");
        assertEquals(200, response.statusCode());
    }
}
