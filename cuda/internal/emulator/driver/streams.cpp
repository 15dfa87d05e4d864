// Streams and events.

#include "driver.h"

#include "../runtime/clock.h"

using namespace emulator;

EXPORTED CUresult cuStreamCreate(void **stream, unsigned) {
	ENTER("cuStreamCreate", context);
	*stream = streams.add(new Stream(current_context->device));
	return CUDA_SUCCESS;
}

// The driver lets a destroyed stream run out by itself; here the call waits for it.
EXPORTED CUresult cuStreamDestroy_v2(void *stream) {
	ENTER("cuStreamDestroy", context);
	if (!streams.remove(stream)) {
		return CUDA_ERROR_INVALID_HANDLE;
	}
	delete static_cast<Stream *>(stream);
	return CUDA_SUCCESS;
}

EXPORTED CUresult cuStreamSynchronize(void *handle) {
	ENTER("cuStreamSynchronize", context);
	Stream *stream = stream_of(handle);
	if (stream == nullptr) {
		return CUDA_ERROR_INVALID_HANDLE;
	}
	stream->synchronize();
	return device_fault;
}

EXPORTED CUresult cuStreamQuery(void *handle) {
	ENTER("cuStreamQuery", context);
	Stream *stream = stream_of(handle);
	if (stream == nullptr) {
		return CUDA_ERROR_INVALID_HANDLE;
	}
	if (!stream->idle()) {
		return CUDA_ERROR_NOT_READY;
	}
	return device_fault;
}

// The event may be of another device.
EXPORTED CUresult cuStreamWaitEvent(void *handle, void *event_handle, unsigned) {
	ENTER("cuStreamWaitEvent", context);
	Stream *stream = stream_of(handle);
	Event *event = events.find(event_handle);
	if (stream == nullptr || event == nullptr) {
		return CUDA_ERROR_INVALID_HANDLE;
	}
	if (event->recorded != nullptr) {
		stream->wait_for(event->recorded);
	}
	return CUDA_SUCCESS;
}

EXPORTED CUresult cuEventCreate(void **event, unsigned) {
	ENTER("cuEventCreate", context);
	*event = events.add(new Event{current_context->device, nullptr});
	return CUDA_SUCCESS;
}

EXPORTED CUresult cuEventDestroy_v2(void *event) {
	ENTER("cuEventDestroy", context);
	if (!events.remove(event)) {
		return CUDA_ERROR_INVALID_HANDLE;
	}
	delete static_cast<Event *>(event);
	return CUDA_SUCCESS;
}

EXPORTED CUresult cuEventRecord(void *event_handle, void *handle) {
	ENTER("cuEventRecord", context);
	Stream *stream = stream_of(handle);
	Event *event = events.find(event_handle);
	if (stream == nullptr || event == nullptr || stream->device != event->device) {
		return CUDA_ERROR_INVALID_HANDLE;
	}
	event->recorded = stream->mark();
	return CUDA_SUCCESS;
}

EXPORTED CUresult cuEventQuery(void *event_handle) {
	ENTER("cuEventQuery", context);
	Event *event = events.find(event_handle);
	if (event == nullptr) {
		return CUDA_ERROR_INVALID_HANDLE;
	}
	if (event->recorded != nullptr && !event->recorded->done()) {
		return CUDA_ERROR_NOT_READY;
	}
	return device_fault;
}

EXPORTED CUresult cuEventSynchronize(void *event_handle) {
	ENTER("cuEventSynchronize", context);
	Event *event = events.find(event_handle);
	if (event == nullptr) {
		return CUDA_ERROR_INVALID_HANDLE;
	}
	if (event->recorded != nullptr) {
		host_reaches(event->recorded->wait());
	}
	return device_fault;
}
