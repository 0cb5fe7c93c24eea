/** First things to try: a prompt each, and the settings that it needs. */
export const EXAMPLES = [
  {
    title: 'Ask',
    prompt: 'Why is the sky blue? Explain it in three sentences.',
    settings: { max_completion_tokens: 256 },
  },
  {
    title: 'Write',
    prompt: 'Write a short poem about a llama in the mountains.',
    settings: { max_completion_tokens: 256 },
  },
  {
    title: 'Structure',
    prompt: 'Describe the city of Cusco in Peru.',
    note: 'an answer by a JSON Schema',
    settings: {
      schema: JSON.stringify({
        type: 'object',
        properties: {
          name: { type: 'string', maxLength: 40 },
          country: { type: 'string', maxLength: 40 },
          known_for: { type: 'array', items: { type: 'string', maxLength: 40 }, minItems: 2, maxItems: 3 },
          altitude: { enum: ['low', 'medium', 'high'] },
        },
        required: ['name', 'country', 'known_for', 'altitude'],
        additionalProperties: false,
      }, null, 2),
      max_completion_tokens: 256,
    },
  },
  {
    title: 'Call a tool',
    prompt: 'What is the weather like in Lima?',
    note: 'you play the function',
    settings: {
      tools: [{
        name: 'get_weather',
        description: 'The weather in a city, now',
        parameters: JSON.stringify({
          type: 'object',
          properties: {
            city: { type: 'string', maxLength: 40 },
            unit: { enum: ['celsius', 'fahrenheit'] },
          },
          required: ['city', 'unit'],
          additionalProperties: false,
        }, null, 2),
      }],
      toolChoice: 'required',
      parallel: false,
      max_completion_tokens: 256,
    },
  },
];
