/** Shows /api/openapi.json. Calls go with the session that the dashboard has opened, or with the token given under Authorize. */
SwaggerUIBundle({
  url: '/api/openapi.json',
  dom_id: '#reference',
  deepLinking: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  docExpansion: 'list',
  // Nothing is asked of others.
  validatorUrl: null,
});
