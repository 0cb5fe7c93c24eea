package io.chasqui.cli;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.List;

/** A {@link CapacityPlan} as JSON; sizes in bytes, those of the device for each of the GPUs. */
@JsonNaming(SnakeCaseStrategy.class)
@JsonInclude(JsonInclude.Include.NON_NULL)
record PlanJson(
        String model,
        String dtype,
        long checkpointBytes,
        Long storedBytes,
        String gpu,
        int tensorParallelSize,
        int context,
        Device device,
        long poolTokens,
        long contexts,
        boolean fits,
        List<String> remedies) {

    @JsonNaming(SnakeCaseStrategy.class)
    record Device(
            long memory,
            long usable,
            long weights,
            long workspace,
            long kvCache,
            long kvBytesPerToken,
            int blockSize,
            long blocks) {}

    static PlanJson of(CapacityPlan plan) {
        var memory = plan.memory();
        var request = plan.request();
        var stored = request.model().stored();
        return new PlanJson(
                request.model().name(),
                request.format().label(),
                plan.checkpoint(),
                stored.isPresent() ? stored.getAsLong() : null,
                plan.gpu(),
                plan.rank().ranks(),
                request.context(),
                new Device(
                        memory.memory(),
                        memory.usable(),
                        memory.weights(),
                        memory.workspace(),
                        memory.kvCache(),
                        memory.kvBytesPerToken(),
                        memory.blockSize(),
                        memory.blocks()),
                memory.poolTokens(),
                plan.contexts(),
                plan.fits(),
                plan.fits() ? List.of() : plan.remedies());
    }
}
