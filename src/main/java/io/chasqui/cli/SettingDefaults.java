package io.chasqui.cli;

import io.chasqui.config.ChasquiConfig;
import io.smallrye.config.WithDefault;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import picocli.CommandLine.IDefaultValueProvider;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.OptionSpec;

/** Shows the defaults of {@link ChasquiConfig} in the help of the options that set them. */
final class SettingDefaults implements IDefaultValueProvider {
    private static final Map<String, Method> SETTINGS =
            Arrays.stream(ChasquiConfig.class.getMethods())
                    .collect(
                            Collectors.toMap(
                                    method -> kebab(method.getName()), Function.identity()));

    /** The setting that an option sets: the option's name without its dashes, if there is one. */
    static boolean isSetting(OptionSpec option) {
        return SETTINGS.containsKey(name(option));
    }

    static String name(OptionSpec option) {
        return option.longestName().replaceFirst("^--", "");
    }

    static Iterable<String> names() {
        return SETTINGS.keySet();
    }

    private static String kebab(String camel) {
        return camel.replaceAll("([A-Z])", "-$1").toLowerCase(java.util.Locale.ROOT);
    }

    @Override
    public String defaultValue(ArgSpec arg) {
        if (!(arg instanceof OptionSpec option) || !isSetting(option)) {
            return null;
        }
        var value = SETTINGS.get(name(option)).getAnnotation(WithDefault.class);
        return value == null ? null : value.value();
    }
}
