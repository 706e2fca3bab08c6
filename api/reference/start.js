/** Shows /api/openapi.json. The token of a call is the one that the dashboard has in this tab, or what is given under Authorize. */
const ui = SwaggerUIBundle({
  url: '/api/openapi.json',
  dom_id: '#reference',
  deepLinking: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  docExpansion: 'list',
  // Nothing is asked of others.
  validatorUrl: null,
  onComplete: () => {
    const token = sessionStorage.getItem('nta-token');
    if (token !== null) ui.preauthorizeApiKey('bearer', token);
  },
});
