"""The table of the tasks."""

from uuid import uuid4

from django.db import models


class Task(models.Model):
    class Priority(models.TextChoices):
        LOW = "low"
        MEDIUM = "medium"
        HIGH = "high"

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    user_id = models.CharField(max_length=255, db_index=True, editable=False)
    title = models.CharField(max_length=200)
    description = models.CharField(max_length=1000, null=True, blank=True)
    completed = models.BooleanField(default=False, editable=False)
    priority = models.CharField(max_length=10, choices=Priority, null=True)
    due_date = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        app_label = "django_rest"
        db_table = "tasks"
