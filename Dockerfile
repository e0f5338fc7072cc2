# gateway-cp in an image of its own: docker build -t gateway-cp .
# One static binary, no shell, not root. Envoy is not in it: its own image is envoyproxy/envoy:distroless-v1.40.0.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /gateway-cp ./cmd/gateway-cp

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /gateway-cp /gateway-cp
USER 65532:65532
ENTRYPOINT ["/gateway-cp"]
