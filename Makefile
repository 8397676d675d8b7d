# Shortcuts for people; .ci/run calls k8s/test.sh itself.
IMAGE ?= ttt-rllib:dev

.PHONY: image k8s-test test lint

image: ## build the one image
	docker build -t $(IMAGE) .

k8s-test: ## check the manifests, and run everything on a real cluster where there is one
	k8s/test.sh

test:
	pytest

lint:
	ruff check .
	ruff format --check .
	mypy
