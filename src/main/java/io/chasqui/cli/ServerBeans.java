package io.chasqui.cli;

import io.chasqui.chat.ModelRegistry;
import io.chasqui.config.ApiKeys;
import io.chasqui.config.ChasquiConfig;
import io.chasqui.config.ConfiguredApiKeys;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
import java.io.IOException;

/** Objects of packages that know nothing of injection, for those that use it. */
final class ServerBeans {

    @Produces
    @Singleton
    ModelRegistry models() {
        return new ModelRegistry();
    }

    @Produces
    @Singleton
    ApiKeys apiKeys(ChasquiConfig config) throws IOException {
        return ConfiguredApiKeys.of(config);
    }
}
