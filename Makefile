# What a person types; .ci/run calls k8s/test.sh itself.
IMAGE ?= ttt-rllib:dev

.PHONY: image k8s-test test lint

image: ## the one image
	docker build -t $(IMAGE) .

k8s-test: ## manifests, and all of it on a real cluster where there is one
	k8s/test.sh

test:
	pytest

lint:
	ruff check .
	ruff format --check .
	mypy
