SELECT app, name FROM django_migrations ORDER BY app, name
