// Modules, functions and launches.

#include "driver.h"

#include "../runtime/clock.h"
#include "../runtime/device_memory.h"
#include "../runtime/report.h"
#include "launches.h"
#include "ptx.h"

#include <atomic>
#include <cstring>
#include <dirent.h>
#include <dlfcn.h>
#include <memory>
#include <vector>

namespace emulator {

namespace {

std::map<std::string, const Kernel *> &kernels() {
	static auto *kernels = new std::map<std::string, const Kernel *>;
	return *kernels;
}

std::atomic<ThreadOrder> thread_order{ThreadOrder::forward};
std::atomic<uint64_t> order_seed{0}, launches{0};

struct Module;

struct Function {
	CUdevice device;
	const Kernel *kernel;
	Entry entry;
	unsigned dynamic_limit;
};

struct Module {
	CUdevice device;
	std::map<std::string, Entry> entries;
	std::map<std::string, std::unique_ptr<Function>> functions;
	std::mutex mutex;
};

Handles<Module> modules;

// load_kernels loads the libraries kernel_*.so, which lie beside this one.
bool load_kernels() {
	static const bool loaded = [] {
		Dl_info self;
		if (dladdr(reinterpret_cast<void *>(&modules_loaded), &self) == 0) {
			return false;
		}
		std::string folder = self.dli_fname;
		folder.resize(folder.find_last_of('/') + 1);
		DIR *entries = opendir(folder.c_str());
		if (entries == nullptr) {
			return false;
		}
		bool all = true;
		while (dirent *entry = readdir(entries)) {
			if (strncmp(entry->d_name, "kernel_", 7) == 0 && dlopen((folder + entry->d_name).c_str(), RTLD_NOW | RTLD_LOCAL) == nullptr) {
				report(std::string("emulator: ") + dlerror());
				all = false;
			}
		}
		closedir(entries);
		return all;
	}();
	return loaded;
}

CUresult check_launch(const Function &function, const Launch &launch) {
	dim3 grid = launch.grid, threads = launch.threads;
	if (launch.blocks() == 0 || grid.x > 0x7fffffff || grid.y > 65535 || grid.z > 65535) {
		return CUDA_ERROR_INVALID_VALUE;
	}
	uint64_t count = (uint64_t)threads.x * threads.y * threads.z;
	if (count == 0 || count > 1024 || threads.z > 64) {
		return CUDA_ERROR_INVALID_VALUE;
	}
	if (function.entry.most_threads != 0 && count > function.entry.most_threads) {
		return CUDA_ERROR_INVALID_VALUE;
	}
	if (launch.shared_bytes > function.dynamic_limit) {
		return CUDA_ERROR_INVALID_VALUE;
	}
	return CUDA_SUCCESS;
}

// reaches_other_device reports whether an argument is an address in memory of another
// device, which a kernel cannot use.
bool reaches_other_device(const Kernel *kernel, const std::vector<void *> &arguments) {
	for (unsigned i = 0; i < kernel->arguments; i++) {
		uintptr_t address;
		if (kernel->argument_bytes[i] != sizeof address) {
			continue;
		}
		memcpy(&address, arguments[i], sizeof address);
		CUdevice device = device_of(address);
		if (device >= 0 && device != current_context->device) {
			return true;
		}
	}
	return false;
}

} // namespace

void register_kernel(const Kernel *kernel) { kernels()[kernel->name] = kernel; }

void set_thread_order(ThreadOrder order, uint64_t seed) {
	thread_order = order;
	order_seed = seed;
}

size_t modules_loaded() { return modules.count(); }

void unload_modules(CUdevice device) {
	for (Module *module : modules.take(device)) {
		delete module;
	}
}

} // namespace emulator

using namespace emulator;

EXPORTED CUresult cuModuleLoadData(void **handle, const void *image) {
	ENTER("cuModuleLoadData", context);
	if (!load_kernels()) {
		return CUDA_ERROR_INVALID_IMAGE;
	}
	auto module = std::make_unique<Module>();
	module->device = current_context->device;
	if (!parse_ptx(static_cast<const char *>(image), &module->entries)) {
		return CUDA_ERROR_INVALID_IMAGE;
	}
	*handle = modules.add(module.release());
	return CUDA_SUCCESS;
}

EXPORTED CUresult cuModuleLoadDataEx(void **handle, const void *image, unsigned, int *, void **) {
	return cuModuleLoadData(handle, image);
}

EXPORTED CUresult cuModuleUnload(void *handle) {
	ENTER("cuModuleUnload", context);
	if (!modules.remove(handle)) {
		return CUDA_ERROR_INVALID_HANDLE;
	}
	delete static_cast<Module *>(handle);
	return CUDA_SUCCESS;
}

EXPORTED CUresult cuModuleGetFunction(void **handle, void *module_handle, const char *name) {
	ENTER("cuModuleGetFunction", context);
	Module *module = modules.find(module_handle);
	if (module == nullptr || module->device != current_context->device) {
		return CUDA_ERROR_INVALID_HANDLE;
	}
	auto entry = module->entries.find(name);
	auto kernel = kernels().find(name);
	if (entry == module->entries.end() || kernel == kernels().end()) {
		return CUDA_ERROR_NOT_FOUND;
	}
	if (entry->second.parameters != kernel->second->arguments) {
		report(format("%s: its PTX has %u parameters, its source %u: make ptx", name, entry->second.parameters, kernel->second->arguments));
		return CUDA_ERROR_NOT_FOUND;
	}
	std::lock_guard<std::mutex> lock(module->mutex);
	std::unique_ptr<Function> &function = module->functions[name];
	if (function == nullptr) {
		function.reset(new Function{module->device, kernel->second, entry->second, shared_bytes_per_block - entry->second.shared_bytes});
	}
	*handle = function.get();
	return CUDA_SUCCESS;
}

EXPORTED CUresult cuFuncGetAttribute(int *value, int attribute, void *handle) {
	ENTER("cuFuncGetAttribute", context);
	const Function *function = static_cast<Function *>(handle);
	switch (attribute) {
	case 0: // MAX_THREADS_PER_BLOCK
		*value = function->entry.most_threads == 0 ? 1024 : function->entry.most_threads;
		break;
	case 1: // SHARED_SIZE_BYTES
		*value = function->entry.shared_bytes;
		break;
	case 8: // MAX_DYNAMIC_SHARED_SIZE_BYTES
		*value = function->dynamic_limit;
		break;
	default:
		*value = 0;
	}
	return CUDA_SUCCESS;
}

EXPORTED CUresult cuFuncSetAttribute(void *handle, int attribute, int value) {
	ENTER("cuFuncSetAttribute", context);
	Function *function = static_cast<Function *>(handle);
	const int max_dynamic_shared = 8, shared_carveout = 9;
	if (attribute == shared_carveout) {
		return CUDA_SUCCESS;
	}
	if (attribute != max_dynamic_shared || value < 0 || value + (int)function->entry.shared_bytes > shared_bytes_opt_in) {
		return CUDA_ERROR_INVALID_VALUE;
	}
	function->dynamic_limit = value;
	return CUDA_SUCCESS;
}

EXPORTED CUresult cuLaunchKernel(void *handle, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y,
	unsigned block_z, unsigned shared_bytes, void *stream_handle, void **parameters, void **) {
	ENTER("cuLaunchKernel", context);
	Stream *stream = stream_of(stream_handle);
	Function *function = static_cast<Function *>(handle);
	if (stream == nullptr || function == nullptr || function->device != current_context->device) {
		return CUDA_ERROR_INVALID_HANDLE;
	}
	auto launch = std::make_shared<Launch>();
	launch->name = function->kernel->name;
	launch->grid = {grid_x, grid_y, grid_z};
	launch->threads = {block_x, block_y, block_z};
	launch->shared_bytes = shared_bytes;
	launch->shared_variable = function->kernel->shared_variable;
	launch->order = thread_order;
	launch->seed = order_seed + ++launches;
	if (CUresult failure = check_launch(*function, *launch)) {
		return failure;
	}

	// The values of the parameters are those of now.
	const Kernel *kernel = function->kernel;
	auto values = std::make_shared<std::vector<uint64_t>>();
	auto places = std::make_shared<std::vector<void *>>(kernel->arguments);
	std::vector<size_t> starts;
	for (unsigned i = 0; i < kernel->arguments; i++) {
		starts.push_back(values->size());
		values->resize(values->size() + (kernel->argument_bytes[i] + 7) / 8);
		memcpy(&(*values)[starts[i]], parameters[i], kernel->argument_bytes[i]);
	}
	for (unsigned i = 0; i < kernel->arguments; i++) {
		(*places)[i] = &(*values)[starts[i]];
	}
	launch->body = [kernel, values, places] { kernel->invoke(places->data()); };
	int ordered = failing_launch();
	if (reaches_other_device(kernel, *places)) {
		launch->fail(illegal_address, "an argument is an address on another device");
		ordered = illegal_address;
	}
	stream->enqueue(
		[launch, ordered] {
			int result = ordered != 0 ? ordered : run_launch(launch.get());
			if (result != 0) {
				lose_device(result);
			}
		},
		launch->name, launch_seconds(launch->blocks()));
	return CUDA_SUCCESS;
}
