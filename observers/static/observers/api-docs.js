/* Shows the description of the API with Swagger UI, in the reader's light or dark, with an example
   that says the present time: what is tried out is recorded for ever. */

(async () => {
  "use strict";

  const place = document.getElementById("swagger-ui");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const dress = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
  dress();
  dark.addEventListener("change", dress);

  /* An event id is said once: without one the portal makes a fresh one. */
  const freshen = (event) => {
    if (Array.isArray(event?.events)) event.events.forEach(freshen);
    if (!event || !("local_timestamp" in event)) return;
    event.local_timestamp = new Date().toISOString();
    delete event.event_id;
  };
  const examples = (spec) =>
    Object.values(spec.paths)
      .flatMap((methods) => Object.values(methods))
      .flatMap((method) => Object.values(method.requestBody?.content ?? {}))
      .flatMap((content) => [content.example, ...Object.values(content.examples ?? {}).map((each) => each.value)]);

  try {
    const answer = await fetch(place.dataset.schema, { headers: { Accept: "application/vnd.oai.openapi+json" } });
    if (!answer.ok) throw new Error(`${answer.status}`);
    const spec = await answer.json();
    for (const example of examples(spec)) freshen(example);
    SwaggerUIBundle({
      spec,
      domNode: place,
      presets: [SwaggerUIBundle.presets.apis],
      plugins: [() => ({ components: { InfoContainer: () => null } })], /* the page has a heading of its own */
      layout: "BaseLayout",
      deepLinking: true,
      validatorUrl: null,
    });
  } catch (error) {
    place.textContent = `The description of the API could not be loaded (${error.message}). Reload the page in a moment.`;
  }
})();
