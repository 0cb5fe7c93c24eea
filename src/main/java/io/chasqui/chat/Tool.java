package io.chasqui.chat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.chasqui.grammar.GrammarSpec;
import io.chasqui.grammar.JsonStyle;
import io.chasqui.grammar.SchemaOptions;

/**
 * A function that a model may call.
 *
 * @param name letters, digits, '_' and '-'
 * @param definition what the model is told: {@code {"type":"function","function":{…}}}
 * @param parameters JSON Schema of the arguments, which are an object
 * @param arguments as models write them: with a space after comma and colon
 */
public record Tool(
        String name, ObjectNode definition, ObjectNode parameters, GrammarSpec arguments) {

    /**
     * @param strict whether a keyword of the schema that cannot be enforced is an error
     */
    public static Tool of(
            String name, ObjectNode definition, ObjectNode parameters, boolean strict) {
        var options = new SchemaOptions(strict, SchemaOptions.Reading.INTENDED, JsonStyle.SPACED);
        var arguments = new GrammarSpec.JsonSchema(parameters.toString(), options);
        return new Tool(name, definition, parameters, arguments);
    }

    /** Whether it takes one parameter, of this name. */
    boolean takesOnly(String parameter) {
        var properties = parameters.path("properties");
        return properties.size() == 1 && properties.has(parameter);
    }
}
