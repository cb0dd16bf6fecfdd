"""The calls, by the generic viewsets."""

from typing import Any

from django.http import HttpRequest, JsonResponse
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from benchmarks.peers.django_rest.models import Task
from benchmarks.peers.django_rest.serializers import TaskSerializer

SORTS = {"created": "-created_at", "due_date": "due_date", "title": "title"}


def health(_: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


class TaskViewSet(
    mixins.ListModelMixin, mixins.CreateModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet
):
    serializer_class = TaskSerializer

    def get_queryset(self) -> Any:
        tasks = Task.objects.filter(user_id=self.request.user.id)
        status = self.request.query_params.get("status", "all")
        if status != "all":
            tasks = tasks.filter(completed=status == "completed")
        return tasks.order_by(SORTS[self.request.query_params.get("sort", "created")])

    def perform_create(self, serializer: TaskSerializer) -> None:
        serializer.save(user_id=self.request.user.id)

    @action(detail=True, methods=["patch"])
    def complete(self, request: Request, pk: str) -> Response:
        task = self.get_object()
        task.completed = not task.completed
        task.save()
        return Response(self.get_serializer(task).data)
