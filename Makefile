# Shortcuts for people; .ci/run calls k8s/test.sh itself.
IMAGE ?= ttt-rllib:dev

.PHONY: image k8s-test k8s-install test lint

image: ## build the one image
	docker build -t $(IMAGE) .

k8s-test: ## check the manifests, and run everything on a real cluster where there is one
	k8s/test.sh

k8s-install: ## renew every overlay's install.yaml
	for overlay in k8s/overlays/*; do \
	  { echo "# make k8s-install renders this from the kustomization beside it."; \
	    kubectl kustomize $$overlay; } >$$overlay/install.yaml || exit 1; \
	done

test:
	pytest

lint:
	ruff check .
	ruff format --check .
	mypy
