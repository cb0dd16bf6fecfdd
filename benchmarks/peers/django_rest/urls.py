"""Which path leads where."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from benchmarks.peers.django_rest.views import TaskViewSet, health

router = SimpleRouter(trailing_slash=False)
router.register("tasks", TaskViewSet, basename="task")

urlpatterns = [path("health", health), path("api/", include(router.urls))]
